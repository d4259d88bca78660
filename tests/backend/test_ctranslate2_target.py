"""Model repositories for Triton's Python backend."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.checkpoint_files import write_weights
from harness.tiny_codegen import TinyShape, tiny_tensors, write_codegen
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.converter.ct2_format import read_index
from pilotfish.backend.converter.manifest import Manifest
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.verify import verify

MODEL = "fastertransformer"
SHAPE = TinyShape(rows=50295, layers=1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen in half precision."""
    return write_codegen(
        tmp_path_factory.mktemp("codegen") / "tiny", rows=SHAPE.rows, layers=SHAPE.layers, dtype="float16"
    )


@pytest.fixture(scope="module")
def repository(checkpoint: Path) -> Path:
    """It, converted as it is."""
    out = checkpoint.with_name("repository")
    convert(ConvertOptions(checkpoint, out, target="ctranslate2"))
    return out


def test_triton_finds_one_model_with_all_its_parts(repository: Path) -> None:
    """The folder holds the model's, the manifest, and nothing that Triton would take for another model."""
    assert {path.name for path in repository.iterdir()} == {MODEL, "pilotfish.json"}
    files = {str(path.relative_to(repository / MODEL)) for path in (repository / MODEL).rglob("*.*")}
    assert files >= {
        "config.pbtxt",
        "configs/decoupled.pbtxt",
        "tokenizer/tokenizer.json",
        "1/model.py",
        "1/pilotfish_decoder/triton_model.py",
        "1/weights/model.bin",
        "1/weights/config.json",
        "1/weights/vocabulary.json",
    }
    assert not any("__pycache__" in name for name in Manifest.read(repository).files)


def test_the_program_in_it_needs_nothing_of_ours(repository: Path) -> None:
    """It runs where no pilotfish is installed, with numpy and ctranslate2 alone."""
    program = (
        "import sys; sys.modules['pilotfish'] = None; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1]); "
        "from pilotfish_decoder.decoder import Decoder, Row; import model; "
        "d = Decoder(sys.argv[1] + '/weights', device='cpu', threads=1); "
        "(o,) = d.decode([Row([1, 2, 3], 4, temperature=0)], lambda i, s: False); d.close(); "
        "print(model.TritonPythonModel.__name__, o.completion_tokens)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(repository / MODEL / "1")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "TritonPythonModel 4\n", done.stderr


@pytest.mark.parametrize(
    ("options", "types"),
    [
        ({}, ("float16", "float16", "float16")),
        ({"dtype": "fp32"}, ("float32", "float32", "float32")),
        ({"quantization": "int8"}, ("int8", "float16", "float16")),
        ({"quantization": "int8_float32"}, ("int8", "float32", "float32")),
        ({"quantization": "bfloat16"}, ("bfloat16", "bfloat16", "bfloat16")),
    ],
)
def test_weights_are_stored_as_asked(
    checkpoint: Path, tmp_path: Path, options: dict[str, str], types: tuple[str, str, str]
) -> None:
    """The types in model.bin, and what the manifest says of them; the result is found to be right."""
    matrices, vectors, dtype = types
    out = tmp_path / "out"
    manifest = convert(ConvertOptions(checkpoint, out, target="ctranslate2", **options))  # type: ignore[arg-type]
    variables = read_index(out / MODEL / "1" / "weights" / "model.bin").variables
    assert variables["decoder/layer_0/ffn/linear_0/weight"].dtype == matrices
    assert variables["decoder/layer_0/ffn/linear_0/bias"].dtype == vectors
    assert (manifest.quantization, manifest.dtype) == (options.get("quantization"), dtype)
    assert verify(out, checkpoint) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantization": "int4"}, ["--quantization", "int4", "int8_float16"]),
        ({"quantization": "int8", "dtype": "fp32"}, ["--dtype", "one of the two"]),
        ({"gpus": 0}, ["--gpus"]),
        ({"gpus": 2}, ["--gpus", "fastertransformer"]),
        ({"target": "fastertransformer", "device": "cpu"}, ["--device", "ctranslate2"]),
    ],
)
def test_what_cannot_be_written_is_said_before(
    checkpoint: Path, tmp_path: Path, options: dict[str, object], words: list[str]
) -> None:
    """The error names the option, and nothing is written."""
    with pytest.raises(ConvertError) as error:
        convert(ConvertOptions(checkpoint, tmp_path / "out", **{"target": "ctranslate2", **options}))  # type: ignore[arg-type]
    assert all(word in str(error.value) for word in words), str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_number_too_large_leaves_nothing_behind(tmp_path: Path) -> None:
    """A conversion that finds in the middle that it can't go on says where, and leaves the place as it was."""
    checkpoint = write_codegen(tmp_path / "checkpoint", rows=SHAPE.rows, layers=1)
    tensors = tiny_tensors(SHAPE)
    tensors["transformer.h.0.mlp.fc_in.weight"][1, 2] = 1e9
    write_weights(checkpoint, tensors)
    with pytest.raises(ConvertError, match=r"h\.0\.mlp\.fc_in\.weight .*float16 can't hold"):
        convert(ConvertOptions(checkpoint, tmp_path / "out", target="ctranslate2", dtype="fp16"))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_without_a_tokenizer_tokens_have_no_names(tmp_path: Path) -> None:
    """The model is converted all the same; whoever serves it names a tokenizer."""
    checkpoint = write_codegen(tmp_path / "checkpoint", rows=50257, layers=1, tokenizer=False)
    convert(ConvertOptions(checkpoint, tmp_path / "out", target="ctranslate2"))
    model = tmp_path / "out" / MODEL
    names = json.loads((model / "1" / "weights" / "vocabulary.json").read_text("utf-8"))
    assert names == [f"<extra_id_{number}>" for number in range(50257)]
    assert not (model / "tokenizer").exists()


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    """Variables are made while they are written: none is kept, and of a large one only some rows exist at a time."""
    import tracemalloc

    shape = TinyShape(rows=50295, layers=1, heads=4, head_dim=64)
    checkpoint = write_codegen(
        tmp_path / "checkpoint", rows=shape.rows, layers=1, head_dim=64, tokenizer=False
    )
    weights = (checkpoint / "model.safetensors").stat().st_size
    assert weights > 100e6
    tracemalloc.start()
    convert(ConvertOptions(checkpoint, tmp_path / "out", target="ctranslate2", quantization="int8"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < weights / 2, np.round(peak / 1e6)
