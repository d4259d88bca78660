"""What the converter writes for FasterTransformer computes what transformers' own CodeGen and GPT-J compute."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from harness.ft_files import ft_files
from harness.tiny_codegen import Family, TinyShape, tiny_tensors, write_codegen
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.converter.reference import FT_EPS, logits
from pilotfish.backend.converter.verify import fastertransformer_weights, verify

Array = NDArray[Any]
ROWS = 50295
IDS = [4299, 277, 33529, 198, 50284, 7783, 50294, 87, 628, 0, 50256, 50294, 13, 13]


@pytest.fixture(scope="module", params=["codegen", "gptj"])
def family(request: pytest.FixtureRequest) -> Family:
    """Either kind of checkpoint."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def folder(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint."""
    return write_codegen(tmp_path_factory.mktemp(family) / "checkpoint", rows=ROWS, family=family)


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Array:
    """Logits [n, V] as transformers computes them."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        result: Array = model.eval()(torch.tensor([IDS])).logits[0].numpy()
    return result


@pytest.mark.parametrize("gpus", [1, 2, 4])
def test_the_ranks_joined_give_transformers_logits(
    gpus: int, folder: Path, theirs: Array, tmp_path: Path
) -> None:
    """To 1e-5 of the largest logit, for every number of GPUs; with the other LayerNorm constant a little less so."""
    out = tmp_path / "repository"
    manifest = convert(ConvertOptions(folder, out, gpus=gpus))
    assert verify(out, folder) == []
    ours = logits(fastertransformer_weights(out, manifest), IDS, (1e-5, FT_EPS))[..., :ROWS]
    largest = np.abs(theirs).max()
    assert np.abs(ours[0] - theirs).max() / largest < 1e-5
    assert 1e-7 < np.abs(ours[1] - theirs).max() / largest < 1e-3
    assert (ours.argmax(-1) == theirs.argmax(-1)).all()


@pytest.mark.parametrize("gpus", [1, 2, 4])
def test_every_file_is_the_layouts(gpus: int, folder: Path, tmp_path: Path) -> None:
    """Byte for byte what a writer gives that was made from the layout's definition alone, but for the padding."""
    convert(ConvertOptions(folder, tmp_path / "repository", gpus=gpus))
    found = tmp_path / "repository" / "fastertransformer" / "1" / f"{gpus}-gpu"
    expected = ft_files(tiny_tensors(TinyShape(rows=ROWS), family="gptj"), gpus)
    assert {path.name for path in found.glob("*.bin")} == expected.keys()
    for name, array in expected.items():
        data = np.ascontiguousarray(array).tobytes()
        assert (found / name).read_bytes()[: len(data)] == data, name
