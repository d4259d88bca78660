"""A whole conversion: the files are FasterTransformer's for every number of GPUs, and all is checked beforehand."""

import hashlib
import json
import math
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.tiny_codegen import TinyShape, tiny_config, tiny_tensors, write_codegen
from pilotfish.backend.converter.architecture import read_architecture
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.converter.manifest import NAME, Manifest
from pilotfish.backend.converter.mapping import stored_shapes
from pilotfish.backend.converter.pbtxt import parameters, read_pbtxt
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.source import open_checkpoint
from pilotfish.backend.converter.tensors import TensorInfo

Array = NDArray[Any]
ROWS = 309
SHAPE = TinyShape(rows=ROWS)
END = 308


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen whose rows do not divide by anything."""
    return tiny(tmp_path_factory.mktemp("checkpoint"))


def tiny(folder: Path, **options: Any) -> Path:
    """A checkpoint in a folder, without a tokenizer."""
    path = write_codegen(folder / "tiny", rows=ROWS, tokenizer=False, **options)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"eos_token_id": END}))
    return path


def expected(tensors: Mapping[str, Array], gpus: int, rows: int) -> Iterator[tuple[str, Array]]:
    """FasterTransformer's files as its own converter for GPT-J makes them, with numpy's plain means."""
    pad = [(0, rows - ROWS), (0, 0)]
    yield "model.wte.bin", np.pad(tensors["transformer.wte.weight"], pad)
    yield "model.lm_head.weight.bin", np.pad(tensors["lm_head.weight"], pad)
    yield "model.lm_head.bias.bin", np.pad(tensors["lm_head.bias"], pad[:1], constant_values=-10_000)
    yield "model.final_layernorm.weight.bin", tensors["transformer.ln_f.weight"]
    yield "model.final_layernorm.bias.bin", tensors["transformer.ln_f.bias"]
    for layer in range(SHAPE.layers):
        ours = {
            name.removeprefix(prefix): array
            for name, array in tensors.items()
            if name.startswith(prefix := f"transformer.h.{layer}.")
        }
        theirs = f"model.layers.{layer}."
        yield f"{theirs}input_layernorm.weight.bin", ours["ln_1.weight"]
        yield f"{theirs}input_layernorm.bias.bin", ours["ln_1.bias"]
        yield f"{theirs}mlp.dense_4h_to_h.bias.bin", ours["mlp.fc_out.bias"]
        qkv = np.stack([ours[f"attn.{each}_proj.weight"].T for each in "qkv"], axis=1)
        for name, array, axis in (
            ("attention.query_key_value.weight", qkv, 2),
            ("attention.dense.weight", ours["attn.out_proj.weight"].T, 0),
            ("mlp.dense_h_to_4h.weight", ours["mlp.fc_in.weight"].T, 1),
            ("mlp.dense_h_to_4h.bias", ours["mlp.fc_in.bias"], 0),
            ("mlp.dense_4h_to_h.weight", ours["mlp.fc_out.weight"].T, 0),
        ):
            for rank, part in enumerate(np.split(array, gpus, axis)):
                yield f"{theirs}{name}.{rank}.bin", part


@pytest.mark.parametrize("gpus", [1, 2, 4])
@pytest.mark.parametrize(
    ("stored", "dtype"), [("float32", None), ("float16", "fp32"), ("bfloat16", "fp32"), ("float16", "fp16")]
)
def test_every_file_of_every_rank(stored: str, dtype: str | None, gpus: int, tmp_path: Path) -> None:
    """Exactly these files with exactly these bytes, whatever the checkpoint is stored in; padding is never chosen."""
    checkpoint = tiny(tmp_path, dtype=stored)
    convert(ConvertOptions(checkpoint, tmp_path / "out", gpus=gpus, dtype=dtype))
    rows = {1: 312, 2: 320, 4: 320}[gpus]
    kind = np.dtype("<f2" if dtype == "fp16" else "<f4")
    with open_checkpoint(tiny(tmp_path / "gptj", dtype=stored, family="gptj")) as gptj:
        tensors: dict[str, Any] = {name: gptj.read(name).astype(np.float32) for name in gptj.tensors}
    folder = tmp_path / "out/fastertransformer/1" / f"{gpus}-gpu"
    files = {path: array.astype(kind) for path, array in expected(tensors, gpus, rows)}
    assert {path.name for path in folder.iterdir()} == {*files, "config.ini"}
    for path, array in files.items():
        assert (folder / path).read_bytes() == array.tobytes(), path


def test_one_number_of_rows_everywhere(checkpoint: Path, tmp_path: Path) -> None:
    """Manifest, both generations' configurations and the files agree on the padded vocabulary."""
    manifest = convert(ConvertOptions(checkpoint, tmp_path / "out", gpus=2))
    model = tmp_path / "out/fastertransformer"
    assert manifest.rows == 320
    assert manifest.architecture.rows == ROWS
    for name in ("config.pbtxt", "configs/unary.pbtxt", "configs/decoupled.pbtxt"):
        assert parameters(read_pbtxt((model / name).read_text()))["vocab_size"] == "320"
    assert "vocab_size=320\n" in (model / "1/2-gpu/config.ini").read_text()
    assert (model / "1/2-gpu/model.lm_head.bias.bin").stat().st_size == 320 * 4


def test_the_manifest_lists_every_file(checkpoint: Path, tmp_path: Path) -> None:
    """With size and hash; and it says what was made of what."""
    out = tmp_path / "out"
    manifest = convert(ConvertOptions(checkpoint, out, gpus=2))
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    del found[NAME]
    assert {name: (entry.bytes, entry.sha256) for name, entry in manifest.files.items()} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in found.items()
    }
    assert Manifest.read(out) == manifest
    assert (manifest.target, manifest.source, manifest.gpus, manifest.dtype) == (
        *("fastertransformer", "tiny", 2, "fp32"),
    )
    assert manifest.architecture.mp == 4
    assert str(tmp_path) not in (out / NAME).read_text()


def test_fp16_files_are_not_for_fauxpilots_backend(checkpoint: Path, tmp_path: Path) -> None:
    """That one would take them for noise, so its clients' seed does not fit the configuration."""
    convert(ConvertOptions(checkpoint, tmp_path / "fp32"))
    convert(ConvertOptions(checkpoint, tmp_path / "fp16", dtype="fp16"))
    texts = [(tmp_path / each / "fastertransformer/config.pbtxt").read_text() for each in ("fp32", "fp16")]
    assert ['"random_seed" data_type: TYPE_INT32' in text for text in texts] == [True, False]


def test_the_tokenizer_goes_along(tmp_path: Path) -> None:
    """Within the model's folder; one that was named instead of the checkpoint's; one that must be made."""
    checkpoint = write_codegen(tmp_path / "tiny", rows=50295, layers=1)
    convert(ConvertOptions(checkpoint, tmp_path / "out"))
    folder = tmp_path / "out/fastertransformer/tokenizer"
    assert (folder / "tokenizer.json").read_bytes() == (checkpoint / "tokenizer.json").read_bytes()
    assert (folder / "tokenizer_config.json").exists()
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["fastertransformer"]
    convert(ConvertOptions(checkpoint, tmp_path / "out", tokenizer=checkpoint / "tokenizer.json", force=True))
    assert [path.name for path in folder.iterdir()] == ["tokenizer.json"]
    (checkpoint / "tokenizer.json").unlink()
    convert(ConvertOptions(checkpoint, tmp_path / "out", force=True))
    assert len(json.loads((folder / "tokenizer.json").read_text())["added_tokens"]) == 39
    with pytest.raises(ConvertError, match=r"has no tokenizer\.json"):
        convert(ConvertOptions(checkpoint, tmp_path / "other", tokenizer=tmp_path))


def test_also_as_a_gptj(checkpoint: Path, tmp_path: Path) -> None:
    """Beside the repository lies a checkpoint of a GPT-J with the same numbers in the same type."""
    convert(ConvertOptions(checkpoint, tmp_path / "out", also_gptj=True))
    beside = tmp_path / "out-gptj"
    with open_checkpoint(beside) as gptj:
        assert gptj.config["model_type"] == "gptj"
        assert gptj.config["vocab_size"] == ROWS
        tensors = tiny_tensors(SHAPE, family="gptj")
        assert gptj.tensors.keys() == tensors.keys()
        for name, array in tensors.items():
            np.testing.assert_array_equal(gptj.read(name), array)
    assert Manifest.read(beside).target == "gptj"
    again = convert(ConvertOptions(beside, tmp_path / "again"))
    named = {
        path: entry for path, entry in again.files.items() if "config" in path
    }  # they name the checkpoint
    assert again.files == {**Manifest.read(tmp_path / "out").files, **named}


def changed(checkpoint: Path, to: Path, name: str, value: float) -> Path:
    """A checkpoint with one number in one tensor."""
    to.mkdir()
    (to / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    data = bytearray((checkpoint / "model.safetensors").read_bytes())
    with open_checkpoint(checkpoint) as opened:
        where = np.asarray(opened.read(name)).tobytes()
    at = bytes(data).index(where)
    data[at : at + 4] = np.float32(value).tobytes()
    (to / "model.safetensors").write_bytes(data)
    return to


@pytest.mark.parametrize(
    "name", ["lm_head.bias", "transformer.h.1.mlp.fc_out.weight", "transformer.wte.weight"]
)
@pytest.mark.parametrize(("value", "dtype"), [(float("nan"), "fp32"), (float("-inf"), "fp32"), (7e4, "fp16")])
def test_numbers_that_can_not_be_served_are_refused(
    name: str, value: float, dtype: str, checkpoint: Path, tmp_path: Path
) -> None:
    """A training run that diverged, or a number beyond half precision: the tensor is named, and nothing is left."""
    broken = changed(checkpoint, tmp_path / "broken", name, value)
    with pytest.raises(ConvertError, match=name.removeprefix("transformer.")):
        convert(ConvertOptions(broken, tmp_path / "out", dtype=dtype))
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_all_that_is_wrong_is_said_before_anything_is_written(tmp_path: Path) -> None:
    """Tensors, options and tokenizer together; not even the stage is there."""
    folder = write_codegen(tmp_path / "tiny", rows=50257, layers=1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_layer": 2}))
    write_codegen(tmp_path / "codegen", rows=50295, layers=1)
    options = ConvertOptions(
        folder, tmp_path / "out", gpus=3, quantization="int8", tokenizer=tmp_path / "codegen"
    )
    with pytest.raises(ConvertError) as caught:
        convert(options)
    for said in ("transformer.h.1.ln_1.weight: missing", "CodeGen's tokenizer", "--gpus", "--quantization"):
        assert said in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codegen", "tiny"]


def test_the_checkpoint_is_never_replaced(checkpoint: Path, tmp_path: Path) -> None:
    """Not even by force: a repository may not be written over the folder that it comes from."""
    inner = tiny(tmp_path / "out")
    (tmp_path / "out" / NAME).write_text("{}")
    with pytest.raises(ConvertError, match="holds the checkpoint"):
        convert(ConvertOptions(inner, tmp_path / "out", force=True))
    with pytest.raises(ConvertError, match="was not made by a conversion"):
        convert(ConvertOptions(checkpoint, checkpoint, force=True))


def test_what_was_found_is_told(tmp_path: Path) -> None:
    """The slices and where they come from, rows that the configuration has wrong, a missing tokenizer."""
    folder = tiny(tmp_path, layers=1, heads=8, head_dim=128, mp=8, codegen2=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 51200}))
    told: list[str] = []
    convert(ConvertOptions(folder, tmp_path / "out"), say=told.append)
    text = "\n".join(told)
    assert "8 slices (by the configuration; --mp overrides)" in text
    assert "config.json says 51200 rows; the tensors have 309" in text
    assert "no tokenizer" in text
    told.clear()
    convert(ConvertOptions(folder, tmp_path / "out", mp=4, force=True), say=told.append)
    assert "4 slices (as told)" in "\n".join(told)


KILLED = """
import sys, time
from pathlib import Path
from pilotfish.backend.converter.convert import ConvertOptions, convert

class Stuck:
    done = 0
    def begin(self, what, total): pass
    def advance(self, count):
        self.done += count
        if self.done > 50_000:
            print("half", flush=True)
            time.sleep(600)

convert(ConvertOptions(Path(sys.argv[1]), Path(sys.argv[2]), force=True, also_gptj=True), Stuck())
"""


def test_kill_in_the_middle_leaves_the_target_as_it_was(checkpoint: Path, tmp_path: Path) -> None:
    """SIGKILL while files are written: the old repository is whole, and the next run clears the half one away."""
    out = tmp_path / "out"
    convert(ConvertOptions(checkpoint, out, gpus=2))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    command = [sys.executable, "-P", "-c", KILLED, str(checkpoint), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        assert any((tmp_path / ".out-gptj.unfinished").iterdir())
        os.kill(process.pid, signal.SIGKILL)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "out-gptj").exists()
    convert(ConvertOptions(checkpoint, out, force=True, also_gptj=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out-gptj"]
    assert Manifest.read(out).gpus == 1


def test_an_interrupt_ends_all_writers(checkpoint: Path, tmp_path: Path) -> None:
    """Ctrl+C while several threads write: all end, and nothing is left."""
    raised: list[None] = []

    class Interrupted:
        def begin(self, what: str, total: int | None) -> None:
            """Ignored."""

        def advance(self, _count: int, /) -> None:
            if threading.current_thread() is not threading.main_thread():
                signal.raise_signal(signal.SIGINT)
                raised.append(None)

    with pytest.raises(KeyboardInterrupt):
        convert(ConvertOptions(checkpoint, tmp_path / "out"), Interrupted())
    assert raised
    assert list(tmp_path.iterdir()) == []


def test_no_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    """A disk that is too small is found out from the sizes: here for two terabytes of a file without any content."""
    shape = TinyShape(rows=4_000_000_000, layers=1)
    folder = tmp_path / "huge"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(tiny_config(shape)))
    embedding = {"transformer.wte.weight": TensorInfo((shape.rows, shape.hidden))}
    header, at = {}, 0
    for name, size in stored_shapes(read_architecture(tiny_config(shape), embedding)).items():
        end = at + 4 * math.prod(size)
        header[name] = {"dtype": "F32", "shape": size, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)
    with pytest.raises(ConvertError, match=r"has room for .*, and the result takes 2\.1 TB"):
        convert(ConvertOptions(folder, tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["huge"]
