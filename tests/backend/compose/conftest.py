"""A host for the commands, and a model that is small enough to be converted in a moment."""

import shutil
import socket
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


@pytest.fixture(scope="session")
def converted(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a model repository; not to be changed."""
    host = Host(tmp_path_factory.mktemp("converted"))
    assert (
        host.run(
            "init", "--model", checkpoint, "--backend", "cpu", "--port", str(free_port()), "--yes", "--quick"
        )
        == 0
    )
    return host.team / "models" / "tiny-codegen-ctranslate2-int8"


@pytest.fixture
def repository(host: Host, converted: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(converted, host.root / "models" / converted.name)


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    return free_port()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
