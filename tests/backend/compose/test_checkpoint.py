"""Downloading a whole checkpoint: against a small server that speaks the hub's HTTP."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.compose.checkpoint_hub import COMMIT, CheckpointHub, checkpoint_hub
from pilotfish.backend.models.checkpoint import RECORD, choose_files, fetch_checkpoint
from pilotfish.backend.models.errors import NoSpaceError, PullError, WrongHashError
from pilotfish.backend.models.progress import Silent

CHUNK = 10 * 1024 * 1024
"""What the hub's library writes at once: of a download that is cut, the last part of a chunk is lost."""
WEIGHTS = bytes(CHUNK + 100_000)
FILES = {
    "config.json": b'{"model_type": "codegen"}',
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same again",
    "tokenizer.json": b"{}",
    "vocab.json": b"{} ",
    "merges.txt": b"#version: 0.2\n",
    "flax_model.msgpack": b"for others",
    "../outside": b"an evil name",
    "sub/config.json": b"another",
}
WANTED = {"config.json", "merges.txt", "model.safetensors", "tokenizer.json", "vocab.json"}
REPOSITORY = "Makers/codegen-tiny"


@pytest.fixture
def hub() -> Iterator[CheckpointHub]:
    with checkpoint_hub(REPOSITORY, FILES) as state:
        yield state


def fetch(hub: CheckpointHub, into: Path, *, free: int = 10**12) -> Path:
    return fetch_checkpoint(REPOSITORY, into, Silent(), endpoint=hub.address, free_bytes=lambda _: free)


def test_what_makes_a_checkpoint_is_brought(hub: CheckpointHub, tmp_path: Path) -> None:
    """One form of the weights, configuration and tokenizer, of one commit, with hashes on record; nothing else."""
    folder = fetch(hub, tmp_path / "hub" / "tiny")
    assert {path.name for path in folder.iterdir()} == {*WANTED, RECORD}
    assert all((folder / name).read_bytes() == FILES[name] for name in WANTED)
    record = json.loads((folder / RECORD).read_text())
    assert (record["repository"], record["revision"]) == (REPOSITORY, COMMIT)
    assert record["files"]["model.safetensors"]["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert record["files"]["config.json"]["sha256"] == hashlib.sha256(FILES["config.json"]).hexdigest()


def test_a_cut_download_goes_on_later(hub: CheckpointHub, tmp_path: Path) -> None:
    """The folder does not appear; the next run asks for the rest of the file and the files that are missing."""
    hub.cut["model.safetensors"] = CHUNK + 50_000
    into = tmp_path / "tiny"
    with pytest.raises(PullError):
        fetch(hub, into)
    assert not into.exists()
    hub.cut.clear()
    hub.asked.clear()
    hub.refuse = False
    fetch(hub, into)
    assert hub.asked == [
        ("model.safetensors", f"bytes={CHUNK}-"),
        ("tokenizer.json", None),
        ("vocab.json", None),
    ]
    assert (into / "model.safetensors").read_bytes() == WEIGHTS
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["tiny"]


def test_a_second_run_asks_nobody(hub: CheckpointHub, tmp_path: Path) -> None:
    """Offline too, once all is there."""
    fetch(hub, tmp_path / "tiny")
    hub.refuse = True
    assert fetch(hub, tmp_path / "tiny") == tmp_path / "tiny"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_damage_on_the_way_is_found(hub: CheckpointHub, tmp_path: Path, name: str) -> None:
    """By a large file's SHA-256, and by the hash that git itself has of a small one."""
    hub.damaged.add(name)
    with pytest.raises(WrongHashError, match=name):
        fetch(hub, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()


def test_a_folder_that_is_not_whole_is_not_taken(hub: CheckpointHub, tmp_path: Path) -> None:
    """A file that shrank, another repository's download, or somebody's own folder: named, and left alone."""
    folder = fetch(hub, tmp_path / "tiny")
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(PullError, match=r"model\.safetensors is not whole"):
        fetch(hub, folder)
    with pytest.raises(PullError, match="not Makers/other"):
        fetch_checkpoint("Makers/other", folder, Silent(), endpoint=hub.address)
    (tmp_path / "mine").mkdir()
    with pytest.raises(PullError, match="no download of"):
        fetch(hub, tmp_path / "mine")


def test_no_room_is_found_before_anything_comes(hub: CheckpointHub, tmp_path: Path) -> None:
    """The message says how much is needed."""
    with pytest.raises(NoSpaceError, match=r"10\.6 MB more"):
        fetch(hub, tmp_path / "tiny", free=1000)
    assert not hub.asked


def test_a_repository_that_is_not_there(hub: CheckpointHub, tmp_path: Path) -> None:
    """Is named, and so is one without a checkpoint."""
    hub.refuse = True
    with pytest.raises(PullError, match=REPOSITORY):
        fetch(hub, tmp_path / "tiny")
    with pytest.raises(PullError, match=r"config\.json"):
        choose_files(["model.safetensors"])
    with pytest.raises(PullError, match="no weights"):
        choose_files(["config.json", "model.gguf"])


def test_weights_in_many_files() -> None:
    """All shards and their index; PyTorch's form where there is no other."""
    shards = [f"pytorch_model-0000{n}-of-00002.bin" for n in (1, 2)]
    names = ["config.json", *shards, "pytorch_model.bin.index.json", "training_args.bin", "rng_state.pth"]
    assert choose_files(names) == sorted(["config.json", *shards, "pytorch_model.bin.index.json"])
