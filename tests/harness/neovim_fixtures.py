"""Fixtures of the quick tests of the Neovim plugin."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.neovim_child import NeovimChild

VERSIONS = ("0.12", "0.11", "0.10")


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """The version of Neovim."""
    return str(request.param)


@pytest.fixture
def nvim(version: str, tmp_path: Path) -> Iterator[NeovimChild]:
    """A Neovim with the plugin as it is without options."""
    with NeovimChild(version, tmp_path) as child:
        yield child
