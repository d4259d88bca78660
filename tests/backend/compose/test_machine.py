"""What a host has: ports and folders, as far as an ordinary user can tell."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotfish.backend.compose.machine import can_write, port_is_free

_NOBODY = 65534
_TCPMUX = 1
"""A low port that nothing listens on."""


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Root's rights laid down for a while; who has none keeps none."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.usefixtures("ordinary_user")
def test_a_low_port_is_not_taken_for_being_forbidden() -> None:
    """Docker's service publishes it, not we."""
    assert port_is_free("127.0.0.1", _TCPMUX)


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    """And is free afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
    assert port_is_free("127.0.0.1", port)


def test_a_folder_counts_by_the_nearest_one_that_is_there(tmp_path: Path) -> None:
    """What lies above it will be made; below a file nothing can be."""
    (tmp_path / "file").touch()
    assert can_write(tmp_path / "a" / "b")
    assert not can_write(tmp_path / "file" / "b")
