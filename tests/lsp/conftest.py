"""What tests of the launcher, the connection and the HTTP client share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from harness.local_backend import LocalBackends, local_backends
from harness.raw_http import RawServer, raw_server
from harness.windows import Windows, windows_of
from pilotfish.lsp.client import Endpoint, HttpBackend


@pytest.fixture
def backends(tmp_path: Path) -> Iterator[LocalBackends]:
    """One user's local backends."""
    with local_backends(tmp_path) as running:
        yield running


@pytest.fixture
async def windows(backends: LocalBackends) -> AsyncIterator[Windows]:
    """Opens that user's editor windows."""
    async with windows_of(backends) as opens:
        yield opens


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """An HTTP server that answers byte by byte."""
    async with raw_server() as running:
        yield running


@pytest.fixture
async def backend(server: RawServer) -> AsyncIterator[HttpBackend]:
    """The HTTP client in front of it."""
    client = HttpBackend(Endpoint(server.url, timeout=5))
    yield client
    await client.aclose()
