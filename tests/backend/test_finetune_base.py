"""Which checkpoints can be tuned, where they are found, and by what they are known again."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from backend.compose.checkpoint_hub import checkpoint_hub
from harness.tiny_codegen import write_codegen
from pilotfish.backend.finetune.base import find_base, open_base
from pilotfish.backend.finetune.problems import FinetuneError
from pilotfish.backend.models.progress import Silent


def test_a_folder_is_the_base_itself(tmp_path: Path) -> None:
    """It is looked at without torch: sizes, rows, parameters, the type of its weights."""
    folder = write_codegen(tmp_path / "tiny", layers=1, dtype="float16")
    base = open_base(find_base(str(folder), tmp_path / "cache", Silent()))
    assert base.path == folder.resolve()
    assert (base.dtype, base.architecture.rows) == ("float16", 51200)
    hidden, inter = 64, 256
    block = 2 * hidden + 3 * hidden**2 + hidden**2 + 2 * hidden * inter + inter + hidden
    assert base.parameters == 2 * 51200 * hidden + 51200 + 2 * hidden + block


def test_a_name_of_the_hub_is_downloaded_once(tmp_path: Path) -> None:
    """MAKER/NAME comes from the hub into the cache, and can be opened; a second time nothing is asked for."""
    folder = write_codegen(tmp_path / "tiny", layers=1)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with checkpoint_hub("maker/tiny", files) as hub:
        found = find_base("maker/tiny", tmp_path / "cache", Silent(), endpoint=hub.address)
    assert found == tmp_path / "cache" / "maker--tiny"
    assert open_base(found).fingerprint == open_base(folder).fingerprint
    assert find_base("maker/tiny", tmp_path / "cache", Silent(), endpoint="http://127.0.0.1:1") == found


@pytest.mark.parametrize("named", ["no/such/folder", "nothing", "../x", "a/file"])
def test_what_is_neither_is_refused(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said what it may be; nobody is asked for what is a file here."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FinetuneError, match="there is no folder"):
        find_base(named, tmp_path, Silent())


def without_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "vocab.json", "merges.txt"):
        (folder / name).unlink()


def with_setting(name: str, value: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {name: value}))

    return change


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_tokenizer, "no tokenizer.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json. Put the model's own"),
        (with_setting("model_type", "gpt2"), "gpt2"),
        (with_setting("head_dim", 256), "eight slices"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 100), "model.safetensors"),
    ],
)
def test_what_can_not_be_tuned_is_said(spoil: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    """Each with its reason."""
    folder = write_codegen(tmp_path / "tiny", layers=1, heads=8)
    spoil(folder)
    with pytest.raises(FinetuneError, match=said):
        open_base(folder)


def test_another_checkpoint_has_another_fingerprint(tmp_path: Path) -> None:
    """Moved it is the same; with other weights, or another setting, it is not."""
    one = open_base(write_codegen(tmp_path / "one", layers=1)).fingerprint
    assert open_base(write_codegen(tmp_path / "same", layers=1)).fingerprint == one
    assert open_base(write_codegen(tmp_path / "other", layers=1, seed=1)).fingerprint != one
    folder = write_codegen(tmp_path / "set", layers=1)
    with_setting("attn_pdrop", 0.5)(folder)
    assert open_base(folder).fingerprint != one
    with (tmp_path / "same" / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)  # where the last layers of a large file are
        file.write(b"\x7f")
    assert open_base(tmp_path / "same").fingerprint != one


def test_what_transformers_computes_anew_is_no_weight(tmp_path: Path) -> None:
    """The masks of old checkpoints are neither counted nor do they say what type the weights are of."""
    plain, masked = (
        open_base(write_codegen(tmp_path / str(masks), layers=1, positions=64, masks=masks, dtype="float16"))
        for masks in (False, True)
    )
    assert masked.parameters == plain.parameters


def test_the_type_is_that_of_most_weights(tmp_path: Path) -> None:
    """Some may be kept in another."""
    folder = write_codegen(tmp_path / "tiny", layers=1)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    norms = [name for name in tensors if "ln_" in name]
    save_file(
        {name: each if name in norms else each.astype(np.float16) for name, each in tensors.items()}, file
    )
    assert 0 < len(norms) < len(tensors) / 2
    assert open_base(folder).dtype == "float16"
