"""Every checkpoint as a GPT-J: the same numbers under the same names, whatever the family and the slices."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.checkpoint_files import write_weights
from harness.tiny_codegen import TinyShape, tiny_config, tiny_tensors, write_codegen
from pilotfish.backend.converter.architecture import read_architecture
from pilotfish.backend.converter.mapping import GptjWeights, validate
from pilotfish.backend.converter.problems import Problem
from pilotfish.backend.converter.source import open_checkpoint

SHAPE = TinyShape(rows=40, heads=8)
EXPECTED = {
    name.removeprefix("transformer."): each for name, each in tiny_tensors(SHAPE, family="gptj").items()
}


def read_all(folder: Path, mp: int | None = None) -> dict[str, NDArray[Any]]:
    """Every weight, copied."""
    with open_checkpoint(folder) as checkpoint:
        architecture = read_architecture(checkpoint.config, checkpoint.tensors, mp)
        assert validate(checkpoint, architecture) == []
        weights = GptjWeights(checkpoint, architecture)
        assert all(weights.shape(name) == weights.read(name).shape for name in weights.names())
        return {name: weights.read(name).copy() for name in weights.names()}


@pytest.mark.parametrize(
    ("options", "mp"),
    [
        ({"mp": 4}, None),
        ({"mp": 8}, 8),
        ({"mp": 2}, 2),
        ({"mp": 4, "masks": True}, None),
        ({"mp": 4, "shards": 3, "format": "pytorch"}, None),
        ({"family": "gptj"}, None),
        ({"family": "gptj", "masks": True}, None),
    ],
)
def test_the_same_model_whatever_it_was_stored_as(
    options: dict[str, Any], mp: int | None, tmp_path: Path
) -> None:
    """Query, key and value come out of 2, 4 or 8 slices with their heads in order; masks are no weights."""
    found = read_all(write_codegen(tmp_path / "tiny", rows=40, heads=8, tokenizer=False, **options), mp)
    assert list(found) == [
        "wte.weight",
        *(name for name in found if name.startswith("h.")),
        *list(found)[-4:],
    ]
    assert found.keys() == EXPECTED.keys()
    for name, array in EXPECTED.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_codegen2_has_eight_slices(tmp_path: Path) -> None:
    """Found from the head_dim that its configuration gives, and it matters."""
    folder = write_codegen(
        tmp_path / "tiny", rows=40, layers=1, heads=8, head_dim=128, mp=8, codegen2=True, tokenizer=False
    )
    shape = TinyShape(rows=40, layers=1, heads=8, head_dim=128)
    query = tiny_tensors(shape, family="gptj")["transformer.h.0.attn.q_proj.weight"]
    np.testing.assert_array_equal(read_all(folder)["h.0.attn.q_proj.weight"], query)
    assert not np.array_equal(read_all(folder, mp=4)["h.0.attn.q_proj.weight"], query)


def problems(folder: Path, changes: dict[str, NDArray[Any] | None], dtype: str = "float32") -> list[Problem]:
    """What is wrong with a checkpoint some tensors of which were replaced, added or (None) taken away."""
    folder.mkdir()
    tensors = {**tiny_tensors(SHAPE), **changes}
    (folder / "config.json").write_text(json.dumps(tiny_config(SHAPE)))
    write_weights(folder, {name: array for name, array in tensors.items() if array is not None}, dtype=dtype)
    with open_checkpoint(folder) as checkpoint:
        return validate(checkpoint, read_architecture(checkpoint.config, checkpoint.tensors))


def test_everything_missing_extra_and_mis_shaped_is_listed(tmp_path: Path) -> None:
    """All of it at once, by transformers' names, with what was expected."""
    found = problems(
        tmp_path / "checkpoint",
        {
            "transformer.h.1.ln_1.bias": None,
            "lm_head.bias": np.zeros(39, np.float32),
            "transformer.h.0.attn.qkv_proj.weight": np.zeros((128, 128), np.float32),
            "transformer.h.2.ln_1.bias": np.zeros(128, np.float32),
            "transformer.h.0.attn.lora_A.weight": np.zeros((8, 128), np.float32),
            "transformer.ln_f.weight": np.ones(128, np.bool_),
        },
    )
    assert {problem.where: problem.what for problem in found} == {
        "transformer.h.1.ln_1.bias": "missing; expected [128]",
        "lm_head.bias": "has shape [39]; expected [40]",
        "transformer.h.0.attn.qkv_proj.weight": "has shape [128, 128]; expected [384, 128]",
        "transformer.ln_f.weight": "is of type bool; expected one of float32, float16, bfloat16",
        "transformer.h.2.ln_1.bias": "not a tensor of a codegen with 2 layers",
        "transformer.h.0.attn.lora_A.weight": "not a tensor of a codegen with 2 layers",
    }


def test_embedding_and_head_have_as_many_rows(tmp_path: Path) -> None:
    """A head that was resized without the embedding, or the other way round, is found."""
    wider = np.zeros((48, 128), np.float32)
    found = problems(tmp_path / "checkpoint", {"transformer.wte.weight": wider})
    assert [problem.where for problem in found] == ["lm_head.weight", "lm_head.bias"]
