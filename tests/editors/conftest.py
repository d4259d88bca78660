"""What the tests of all editors share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.editor_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fresh user; afterwards nothing may be left that their editors started."""
    with World(tmp_path) as made:
        yield made
