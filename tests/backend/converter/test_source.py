"""Reading checkpoints: one file or many, either format, and everything that can be wrong with them."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.checkpoint_files import safetensors_bytes
from harness.tiny_codegen import TinyShape, tiny_tensors, write_codegen
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.source import open_checkpoint

SHAPE = TinyShape(rows=40)
TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(5, np.float32)}


LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"


def write(folder: Path, files: Mapping[str, bytes | str | dict[str, Any]]) -> Path:
    """A folder with a configuration and these files."""
    folder.mkdir(exist_ok=True)
    for name, data in {"config.json": {}, **files}.items():
        text = json.dumps(data) if isinstance(data, dict) else data
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def refused(folder: Path) -> str:
    """What is said when the folder is opened."""
    with pytest.raises(ConvertError) as caught, open_checkpoint(folder):
        pass
    return str(caught.value)


@pytest.mark.parametrize("form", ["safetensors", "pytorch"])
@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_every_layout_gives_the_same_tensors(form: Any, shards: int, dtype: str, tmp_path: Path) -> None:
    """The numbers do not depend on the files they come from; those of 16 bits are the nearest ones."""
    folder = write_codegen(
        tmp_path / "checkpoint", rows=40, shards=shards, dtype=dtype, format=form, tokenizer=False
    )
    expected = tiny_tensors(SHAPE)
    accuracy = {"float32": 0.0, "float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
    with open_checkpoint(folder) as checkpoint:
        assert checkpoint.tensors.keys() == expected.keys()
        assert len(checkpoint.files) == shards
        for name, array in expected.items():
            found: Any = checkpoint.read(name)
            assert checkpoint.tensors[name].dtype == dtype
            assert checkpoint.tensors[name].shape == found.shape == array.shape
            np.testing.assert_allclose(found, array, rtol=accuracy, atol=1e-7 if accuracy else 0)


def test_a_tensor_is_a_view_until_it_is_read(tmp_path: Path) -> None:
    """Reading copies nothing: memory does not grow with the model."""
    with open_checkpoint(write(tmp_path, {"model.safetensors": safetensors_bytes(TENSORS)})) as checkpoint:
        found = checkpoint.read("a")
        assert not found.flags.owndata
        assert not found.flags.writeable


def test_rows_are_read_in_blocks(tmp_path: Path) -> None:
    """A tensor comes in pieces of so many rows, and a stretch of it without what is around it."""
    with open_checkpoint(write(tmp_path, {"model.safetensors": safetensors_bytes(TENSORS)})) as checkpoint:
        rows = checkpoint.rows("b").between(1, 5)
        assert [len(block) for block in rows.blocks(3)] == [3, 1]
        assert rows.shape == (4,)
        assert checkpoint.rows("a").between(1, 2).array().tolist() == [[3.0, 4.0, 5.0]]
        assert checkpoint.rows("a").between(2, 2).shape == (0, 3)


def test_safetensors_come_before_pickles(tmp_path: Path) -> None:
    """Where both are there, the file that can't be a program is read."""
    folder = write(tmp_path, {"model.safetensors": safetensors_bytes(TENSORS), "pytorch_model.bin": b"junk"})
    with open_checkpoint(folder) as checkpoint:
        assert set(checkpoint.tensors) == {"a", "b"}


INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "has no weights"),
        ({"config.json": "{"}, "is no JSON"),
        ({"config.json": "[]"}, "is no JSON object"),
        ({INDEX: {}}, "has no weight_map"),
        ({INDEX: {"weight_map": {"a": "../a.safetensors"}}}, "outside of its folder"),
        ({INDEX: {"weight_map": {"a": "one", "b": "two"}}}, "one: missing\n  two: missing"),
        ({"model.safetensors": b""}, "damaged"),
        ({"model.safetensors": struct.pack("<Q", 1 << 62) + b"{}"}, "cut short"),
        ({"model.safetensors": LFS_POINTER}, "model.safetensors is not the file itself but Git LFS's"),
        ({"pytorch_model.bin": LFS_POINTER}, "pytorch_model.bin is not the file itself"),
        ({"model.safetensors": struct.pack("<Q", 4) + b"[[[["}, "header is no JSON"),
        ({"model.safetensors": struct.pack("<Q", 2) + b"[]"}, "no JSON object"),
        ({"pytorch_model.bin": b""}, "no weights file of PyTorch"),
    ],
)
def test_what_can_not_be_read_is_named(files: dict[str, Any], said: str, tmp_path: Path) -> None:
    """Whatever is wrong with a folder, the message says what and where."""
    assert said in refused(write(tmp_path, files))
    assert str(tmp_path) in refused(tmp_path)


def test_a_file_is_no_checkpoint(tmp_path: Path) -> None:
    """Nor is a folder that is not there, or has no configuration."""
    (tmp_path / "file").write_text("")
    assert "is no folder" in refused(tmp_path / "file")
    assert "is no folder" in refused(tmp_path / "absent")
    assert "config.json can't be read" in refused(tmp_path)


def test_a_file_that_was_cut_short_is_refused_wherever_it_was_cut(tmp_path: Path) -> None:
    """No length in a header is believed."""
    whole = safetensors_bytes(TENSORS)
    for end in range(0, len(whole), 3):
        assert "damaged" in refused(write(tmp_path, {"model.safetensors": whole[:end]}))


def header(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A file of which the header was changed."""
    whole = safetensors_bytes(TENSORS)
    (length,) = struct.unpack("<Q", whole[:8])
    found = json.loads(whole[8 : 8 + length])
    change(found)
    text = json.dumps(found).encode()
    return struct.pack("<Q", len(text)) + text + whole[8 + length :]


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [2, 4]},
        {"shape": [-2, -3]},
        {"shape": "many"},
        {"shape": [float("inf")]},
        {"dtype": "F8_E4M3"},
        {"data_offsets": [-24, 0]},
        {"data_offsets": [24, 0]},
        {"data_offsets": [30, 54]},
        {"data_offsets": [0]},
        {"data_offsets": [0, float("inf")]},
    ],
)
def test_a_header_that_contradicts_itself_is_refused(entry: dict[str, Any], tmp_path: Path) -> None:
    """Shape, type and place have to agree, and to lie within the file."""
    data = header(lambda found: found["a"].update(entry))
    said = refused(write(tmp_path, {"model.safetensors": data}))
    assert "model.safetensors is damaged" in said
    assert " a " in said
