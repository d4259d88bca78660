"""The reference decoder agrees with itself over every layout of the same weights, and sees when they differ."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.ft_files import write_ft_files
from harness.greedy import greedy, is_greedy
from harness.tiny_codegen import Family, TinyShape, tiny_tensors
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.reference import FT_EPS, Sizes, logits
from pilotfish.backend.converter.reference_weights import FasterTransformerWeights, HuggingFaceWeights

Array = NDArray[Any]
SHAPE = TinyShape(rows=512, layers=3, heads=8)
SIZES = Sizes(SHAPE.layers, SHAPE.heads, SHAPE.head_dim, SHAPE.rotary_dim, SHAPE.rows)
IDS = [5, 0, 511, 17, 17, 300, 42]


@dataclass(frozen=True)
class InMemory:
    """Tensors as a checkpoint gives them."""

    tensors: Mapping[str, Array]

    def read(self, name: str) -> Array:
        return self.tensors[name]


def checkpoint(family: Family = "codegen", mp: int = 4) -> HuggingFaceWeights:
    tensors = tiny_tensors(SHAPE, family=family, mp=mp)
    return HuggingFaceWeights(InMemory(tensors), SIZES, mp if family == "codegen" else 0)


def difference(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())


@pytest.mark.parametrize("mp", [4, 8])
def test_codegen_is_gptj_in_another_order(mp: int) -> None:
    """A CodeGen of four or eight shards gives what the GPT-J with the same q, k and v gives."""
    np.testing.assert_array_equal(logits(checkpoint(mp=mp), IDS), logits(checkpoint("gptj"), IDS))


def test_a_wrong_order_is_seen() -> None:
    """With q, k, v taken for q, v, k, or four shards for eight, the logits are others altogether."""
    right = logits(checkpoint(), IDS)
    assert difference(right, logits(replace(checkpoint(), mp=8), IDS)) > 1
    tensors = tiny_tensors(SHAPE, family="gptj")
    swapped = {
        name: tensors[name.replace("k_proj", "v_proj")] if "k_proj" in name else tensors[name]
        for name in tensors
    }
    assert difference(right, logits(HuggingFaceWeights(InMemory(swapped), SIZES), IDS)) > 1


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_faster_transformers_ranks_joined_give_the_checkpoints_logits(ranks: int, tmp_path: Path) -> None:
    """Every rank applies its part; what comes out differs by rounding alone, with either LayerNorm constant."""
    folder = write_ft_files(tmp_path / "ft", tiny_tensors(SHAPE, family="gptj"), ranks)
    joined = FasterTransformerWeights(folder, SIZES, 4 * SHAPE.hidden, ranks)
    ours, theirs = (logits(weights, IDS, (1e-5, FT_EPS)) for weights in (checkpoint(), joined))
    assert ours.shape == (2, len(IDS), SHAPE.rows)
    assert difference(ours, theirs) <= 1e-5 * np.abs(theirs).max()
    assert 1e-6 < difference(ours[0], ours[1]) < 1e-2  # the constants do differ, by little


def test_half_precision_files_are_read_as_such(tmp_path: Path) -> None:
    """Files of float16 give the same but for their rounding."""
    folder = write_ft_files(tmp_path / "ft", tiny_tensors(SHAPE, family="gptj"), 2, "float16")
    joined = FasterTransformerWeights(folder, SIZES, 4 * SHAPE.hidden, 2, "float16")
    assert 0 < difference(logits(joined, IDS), logits(checkpoint(), IDS)) < 0.1


@pytest.mark.parametrize(
    "change", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])]
)
def test_a_missing_or_short_file_is_named(change: Any, tmp_path: Path) -> None:
    """Unlike FasterTransformer, which goes on with random numbers."""
    folder = write_ft_files(tmp_path / "ft", tiny_tensors(SHAPE, family="gptj"), 2)
    change(folder / "model.layers.1.attention.dense.weight.1.bin")
    with pytest.raises(ConvertError, match=r"layers\.1\.attention\.dense\.weight\.1\.bin"):
        logits(FasterTransformerWeights(folder, SIZES, 4 * SHAPE.hidden, 2), IDS)


def test_greedy_goes_on_with_the_best_id() -> None:
    """Each id is the best after all before it; the last position alone is asked for, and an end id ends."""
    ids = greedy(checkpoint(), IDS, 12)
    every = logits(checkpoint(), [*IDS, *ids])[0]
    assert ids == every[len(IDS) - 1 : -1].argmax(-1).tolist()
    assert len(set(ids)) > 6  # the tiny model does not repeat itself
    assert is_greedy(checkpoint(), IDS, ids)
    assert not is_greedy(checkpoint(), IDS, [*ids[:-1], (ids[-1] + 1) % SHAPE.rows])
    assert not is_greedy(checkpoint(), IDS, [(ids[0] + 1) % SHAPE.rows, *ids[1:]])
    stopped = greedy(checkpoint(), IDS, 12, end_id=ids[4])
    assert stopped == ids[: ids.index(ids[4]) + 1]
