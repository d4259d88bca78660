"""What a test does to a model repository, or to a copy of one, that is not to be served afterwards."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 50295
"""Of the checkpoint that the repositories are made of."""
MODEL = "fastertransformer"
RANKS = f"{MODEL}/1/2-gpu"
WEIGHTS = f"{MODEL}/1/weights"
Change = Callable[[Path], None]
"""What is done to a repository."""


def changed(repository: Path, change: Change, to: Path) -> Path:
    """A copy with something done to it."""
    shutil.copytree(repository, to)
    change(to)
    return to


def cut(path: str) -> Change:
    """One byte less."""

    def change(repository: Path) -> None:
        data = (repository / path).read_bytes()
        (repository / path).write_bytes(data[:-1])

    return change


def flip(path: str, at: int = 100) -> Change:
    """One bit the other way round."""

    def change(repository: Path) -> None:
        data = bytearray((repository / path).read_bytes())
        data[at] ^= 1
        (repository / path).write_bytes(data)

    return change


def replace(path: str, old: str, new: str) -> Change:
    """Another text in a configuration."""

    def change(repository: Path) -> None:
        text = (repository / path).read_text()
        assert old in text
        (repository / path).write_text(text.replace(old, new))

    return change


def remove(pattern: str) -> Change:
    """Files less."""

    def change(repository: Path) -> None:
        paths = list(repository.glob(pattern))
        assert paths
        for path in paths:
            path.unlink()

    return change


def swap_query_and_value(repository: Path) -> None:
    """As a wrong converter would have it: in every rank of a layer."""
    for rank in range(2):
        name = f"{RANKS}/model.layers.1.attention.query_key_value.weight.{rank}.bin"
        array = np.fromfile(repository / name, np.float32).reshape(64, 3, 32)
        rewrite(repository, name, array[:, [2, 1, 0]])


def let_padding_win(repository: Path) -> None:
    """As a wrong converter would have it: rows that no token has are the likeliest."""
    name = f"{RANKS}/model.lm_head.bias.bin"
    array = np.fromfile(repository / name, np.float32)
    array[ROWS:] = 1000
    rewrite(repository, name, array)


def rewrite(repository: Path, name: str, array: "NDArray[np.float32]") -> None:
    """Other numbers in a file, with the right hash in the manifest."""
    (repository / name).write_bytes(np.ascontiguousarray(array).tobytes())
    manifest = json.loads((repository / "pilotfish.json").read_text())
    manifest["files"][name]["sha256"] = hashlib.sha256((repository / name).read_bytes()).hexdigest()
    (repository / "pilotfish.json").write_text(json.dumps(manifest))


def edit_manifest(**values: Any) -> Change:
    """Other values in the manifest."""

    def change(repository: Path) -> None:
        manifest = json.loads((repository / "pilotfish.json").read_text())
        (repository / "pilotfish.json").write_text(json.dumps(manifest | values))

    return change
