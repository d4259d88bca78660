"""What the tests of all editors share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.editor_world import World
from harness.team_backend import TeamBackend

# A job that is cancelled gets a SIGTERM: editors and backends end then as well.
signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fresh user; afterwards nothing may be left that their editors started."""
    with World(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def team_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamBackend]:
    """A team's backend with a key, one for all tests: compare its counts before and after."""
    with TeamBackend(tmp_path_factory.mktemp("team")) as team:
        yield team


@pytest.fixture(scope="session")
def older_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamBackend]:
    """The same, of an older version than ours."""
    with TeamBackend(tmp_path_factory.mktemp("older"), older=True) as team:
        yield team
