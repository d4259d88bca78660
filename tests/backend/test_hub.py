"""Pulling from the Hugging Face hub: against a small server that speaks its HTTP."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.hub_server import Hub, hub
from backend.tiny_gguf import gguf
from pilotfish.backend.models.catalogue import CATALOGUE, HubSource, Model
from pilotfish.backend.models.errors import NoSpaceError, OfflineError, PullError, WrongHashError
from pilotfish.backend.models.pull import Pulled, pull_model
from pilotfish.backend.models.store import Store

CHUNK = 10 * 1024 * 1024
"""What the hub's library writes at once: of a download that is cut, the last part of a chunk is lost."""
DATA = gguf(data=CHUNK + 200_000)
MODEL = Model(
    name="tiny",
    bytes=len(DATA),
    licence="MIT",
    context=2048,
    fim=True,
    source=HubSource("makers/Tiny-GGUF", "tiny.gguf"),
)


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub("makers/Tiny-GGUF", "tiny.gguf", DATA) as state:
        yield state


def pull(server: Hub, cache: Path, *, free: int = 10**12) -> Pulled:
    return pull_model(MODEL, cache_dir=cache, endpoint=server.address, free_bytes=lambda _: free)


def names(cache: Path) -> set[str]:
    """What lies in the store, but for locks."""
    return {path.name for path in (cache / "models").iterdir() if path.suffix != ".lock"}


def test_a_model_is_brought_and_known(server: Hub, tmp_path: Path) -> None:
    """The file is whole, and its manifest has the hash that the hub told."""
    pulled = pull(server, tmp_path)
    assert pulled.model.path.read_bytes() == DATA
    assert not pulled.was_here
    assert pulled.manifest.sha256 == pulled.manifest.source_sha256 == server.sha256
    assert (pulled.manifest.licence, pulled.manifest.source) == ("MIT", "Hugging Face makers/Tiny-GGUF")
    assert names(tmp_path) == {"tiny.gguf", "tiny.json"}


def test_a_second_pull_asks_nobody(server: Hub, tmp_path: Path) -> None:
    """It checks the hash of what is here and is done, offline too."""
    pull(server, tmp_path)
    server.status = 500
    assert pull(server, tmp_path).was_here


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * len(DATA)])
def test_what_was_damaged_is_brought_again(server: Hub, tmp_path: Path, damage: bytes) -> None:
    """A file that was emptied, or changed at its size, is not taken for the model."""
    path = pull(server, tmp_path).model.path
    path.write_bytes(damage)
    assert not pull(server, tmp_path).was_here
    assert path.read_bytes() == DATA


def test_a_cut_connection_is_taken_up_again(server: Hub, tmp_path: Path) -> None:
    """Within one pull, the rest is asked for, and only the rest."""
    server.cut_after = CHUNK + 50_000
    assert pull(server, tmp_path).model.path.read_bytes() == DATA
    assert server.ranges == [None, "bytes=10485760-"]


def test_a_pull_that_failed_goes_on_later(server: Hub, tmp_path: Path) -> None:
    """What had come is kept, under no model's name, and the next pull asks for the rest."""
    server.cut_after, server.fail_after_cut = CHUNK + 50_000, True
    with pytest.raises(PullError, match="500"):
        pull(server, tmp_path)
    (partial,) = names(tmp_path)
    assert partial.endswith(".partial")
    assert Store(tmp_path / "models").manifest("tiny") is None
    server.fail_after_cut = False
    server.ranges.clear()
    assert pull(server, tmp_path).model.path.read_bytes() == DATA
    assert server.ranges == ["bytes=10485760-"]
    assert names(tmp_path) == {"tiny.gguf", "tiny.json"}


def test_the_beginning_of_another_version_is_not_gone_on_with(server: Hub, tmp_path: Path) -> None:
    """When the hub has another file by now, what was begun of the old one is deleted."""
    server.cut_after, server.fail_after_cut = CHUNK + 50_000, True
    with pytest.raises(PullError):
        pull(server, tmp_path)
    server.data = gguf(data=CHUNK + 100_000)
    server.fail_after_cut = False
    server.ranges.clear()
    assert pull(server, tmp_path).model.path.read_bytes() == server.data
    assert server.ranges == [None]
    assert names(tmp_path) == {"tiny.gguf", "tiny.json"}


def test_a_wrong_hash_leaves_nothing(server: Hub, tmp_path: Path) -> None:
    """What does not have the promised hash is deleted."""
    server.promised = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(WrongHashError):
        pull(server, tmp_path)
    assert names(tmp_path) == set()


def test_what_has_no_sha256_is_not_trusted(server: Hub, tmp_path: Path) -> None:
    """A small file of a repository has a Git hash only: nothing to check it by."""
    server.promised = "0123456789abcdef0123456789abcdef01234567"
    with pytest.raises(PullError, match="sha256"):
        pull(server, tmp_path)
    assert names(tmp_path) == set()


def test_what_is_no_model_is_deleted(server: Hub, tmp_path: Path) -> None:
    """A file with the right hash that is no GGUF is no model either."""
    server.data = b"hello" * 1000
    with pytest.raises(PullError, match="not a GGUF"):
        pull(server, tmp_path)
    assert names(tmp_path) == set()


def test_a_full_disk_is_told_before_the_download(server: Hub, tmp_path: Path) -> None:
    """With what is needed and what there is; a download that was begun needs less."""
    with pytest.raises(NoSpaceError, match=r"needs 10\.7 MB"):
        pull(server, tmp_path, free=1000)
    assert server.ranges == []
    spare = 64 * 1024 * 1024
    server.cut_after, server.fail_after_cut = CHUNK + 50_000, True
    with pytest.raises(PullError):
        pull(server, tmp_path)
    server.fail_after_cut = False
    pull(server, tmp_path, free=spare + 201_000)


REFUSALS = [
    (401, "GatedRepo", "terms"),
    (403, "GatedRepo", "terms"),
    (404, "RepoNotFound", "has no"),
    (404, "EntryNotFound", "has no"),
    (404, "RevisionNotFound", "has no"),
    (503, None, "503"),
]


@pytest.mark.parametrize(("status", "code", "said"), REFUSALS)
def test_refusals_say_what_to_do(
    server: Hub, tmp_path: Path, status: int, code: str | None, said: str
) -> None:
    """Terms to accept, a file that is not there, a hub in trouble."""
    server.status, server.code = status, code
    with pytest.raises(PullError, match=said):
        pull(server, tmp_path)
    assert names(tmp_path) == set()


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    """Nobody listens: the message is about the network."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = Hub("", "", b"", address=f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(OfflineError, match="Check the network"):
            pull(nowhere, tmp_path)
    assert names(tmp_path) == set()


PROGRAM = """
import sys
from pathlib import Path
from pilotfish.backend.models.catalogue import CATALOGUE
from pilotfish.backend.models.pull import pull_model
pull_model(CATALOGUE["qwen2.5-coder-0.5b"], cache_dir=Path(sys.argv[1]), free_bytes=lambda _: 10**12)
"""


def run(cache: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Pull in a process of its own, because the hub's library reads its settings when it is imported."""
    return subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(cache)],
        env={**os.environ, "HF_HOME": str(cache / "hf"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_hubs_own_settings_hold(tmp_path: Path) -> None:
    """HF_ENDPOINT names a mirror; the token goes to it, and not to the other host that it sends us to."""
    source = CATALOGUE["qwen2.5-coder-0.5b"].source
    assert isinstance(source, HubSource)
    with hub(source.repository, source.file, DATA) as server:
        done = run(tmp_path, HF_ENDPOINT=server.address, HF_TOKEN="hf_secret")
        assert done.returncode == 0, done.stderr
        assert server.hub_tokens == ["Bearer hf_secret"]
        assert server.storage_tokens == [None]
    assert Store(tmp_path / "models").file("qwen2.5-coder-0.5b").read_bytes() == DATA


def test_offline_mode_is_respected(tmp_path: Path) -> None:
    """HF_HUB_OFFLINE is told apart from a network that is down."""
    done = run(tmp_path, HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "OfflineError: HF_HUB_OFFLINE is set" in done.stderr
