"""A host for the commands, and a model that is small enough to be converted in a moment."""

from pathlib import Path

import pytest

from backend.compose.host import Host
from harness.tiny_codegen import write_codegen


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with a Docker that works, and no GPU."""
    host = Host(tmp_path)
    host.install_docker()
    return host


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CodeGen of two layers, in half precision as the published ones are."""
    return write_codegen(tmp_path_factory.mktemp("checkpoints") / "tiny-codegen", dtype="float16")
