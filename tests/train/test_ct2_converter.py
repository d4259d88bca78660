"""Our CTranslate2 folders against those of CTranslate2's own converter, which goes through torch and transformers."""

import json
from pathlib import Path

import pytest
from ctranslate2.converters import TransformersConverter

from harness.tiny_codegen import write_codegen
from pilotfish.backend.converter.architecture import read_architecture
from pilotfish.backend.converter.ct2_aliases import find_aliases
from pilotfish.backend.converter.ct2_folder import config_text, tokens_of, vocabulary, vocabulary_text
from pilotfish.backend.converter.ct2_format import model_file
from pilotfish.backend.converter.ct2_model import REVISION, SPECIFICATION, decoder_variables
from pilotfish.backend.converter.ct2_numbers import SCHEMES
from pilotfish.backend.converter.mapping import GptjWeights
from pilotfish.backend.converter.source import open_checkpoint

KINDS = {
    "codegen": {},
    "gptj": {"family": "gptj", "rows": 50295},  # their GPT-J converter wants a name for every row
    "shrunk": {"rows": 50295},
    "codegen2": {"codegen2": True, "mp": 8, "heads": 8, "head_dim": 128, "rotary_dim": 64, "layers": 1},
}


def convert(checkpoint: Path, quantization: str | None) -> dict[str, bytes]:
    """The folder's files as we make them."""
    with open_checkpoint(checkpoint) as opened:
        architecture = read_architecture(opened.config, opened.tensors)
        weights = GptjWeights(opened, architecture)
        aliases = find_aliases(architecture, weights)
        variables = decoder_variables(architecture, weights, SCHEMES[quantization], skip=aliases)
        tokens = tokens_of(json.loads((checkpoint / "tokenizer.json").read_text("utf-8")))
        names = vocabulary(tokens, architecture.rows)
        return {
            "model.bin": b"".join(model_file(SPECIFICATION, REVISION, variables, aliases)),
            "vocabulary.json": vocabulary_text(names).encode(),
            "config.json": config_text(architecture, names).encode(),
        }


@pytest.mark.parametrize(
    ("kind", "dtype", "quantization"),
    [
        *(("codegen", dtype, quantization) for dtype in ("float32", "float16") for quantization in SCHEMES),
        *(
            ("codegen", "bfloat16", quantization)
            for quantization in (None, "int8", "float16", "int8_bfloat16")
        ),
        ("gptj", "float32", None),
        ("gptj", "float16", "int8_float16"),
        ("shrunk", "float16", "int8"),
        ("codegen2", "float16", "float16"),
    ],
)
def test_the_folder_is_theirs(tmp_path: Path, kind: str, dtype: str, quantization: str | None) -> None:
    """model.bin and vocabulary.json byte for byte; config.json means the same."""
    checkpoint = write_codegen(tmp_path / "checkpoint", dtype=dtype, **KINDS[kind])  # type: ignore[arg-type]
    ours = convert(checkpoint, quantization)
    folder = tmp_path / "theirs"
    TransformersConverter(str(checkpoint)).convert(str(folder), quantization=quantization)
    assert ours["model.bin"] == (folder / "model.bin").read_bytes()
    # Compared as lists: their order and their spelling, not how JSON escapes it.
    assert json.loads(ours["vocabulary.json"]) == json.loads((folder / "vocabulary.json").read_bytes())
    theirs = json.loads((folder / "config.json").read_bytes())
    # They leave the epsilon to the reader, which takes what they would have written.
    theirs["layer_norm_epsilon"] = 1e-05
    # Only read by tensor parallelism, where it makes no difference to a model with as many keys as queries.
    theirs["multi_query_attention"] = False
    assert json.loads(ours["config.json"]) == theirs
