"""A model's sizes out of its configuration, and all that is wrong with one at once."""

from typing import Any

import pytest

from harness.tiny_codegen import TinyShape, tiny_config
from pilotfish.backend.converter.architecture import Architecture, read_architecture
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.tensors import TensorInfo

SHAPE = TinyShape(rows=51200, layers=2, heads=16, head_dim=64, rotary_dim=32)
EMBEDDING = {"transformer.wte.weight": TensorInfo((50295, 1024))}


def read(mp: int | None = None, **changes: Any) -> Architecture:
    """The architecture of a configuration with something changed."""
    return read_architecture(tiny_config(SHAPE) | changes, EMBEDDING, mp)


def refused(mp: int | None = None, **changes: Any) -> str:
    with pytest.raises(ConvertError) as caught:
        read(mp, **changes)
    return str(caught.value)


def test_sizes() -> None:
    """The tensors say how many rows there are, since a fine-tuned model's configuration may not."""
    assert read() == Architecture(
        family="codegen",
        layers=2,
        heads=16,
        head_dim=64,
        hidden=1024,
        inter=4096,
        rotary_dim=32,
        positions=2048,
        rows=50295,
        bos=1,
        eos=50256,
        eps=1e-5,
        mp=4,
    )


def test_what_may_be_left_out() -> None:
    """The inner width is four times the outer one, and all of a head turns, unless the configuration differs."""
    assert read(n_inner=None, rotary_dim=None).inter == 4096
    assert read(n_inner=None, rotary_dim=None).rotary_dim == 64
    assert read(n_inner=1000).inter == 1000
    assert read(n_positions=None, n_ctx=512).positions == 512


@pytest.mark.parametrize(
    ("changes", "asked", "slices"),
    [
        ({}, None, 4),
        ({"head_dim": 128}, None, 8),
        ({"head_dim": 256}, None, 8),
        ({"head_dim": 80}, None, 4),
        ({"head_dim": 256}, 4, 4),
        ({}, 8, 8),
        ({"model_type": "gptj"}, None, 1),
        ({"model_type": "gptj", "head_dim": 256}, None, 1),
    ],
)
def test_slices_follow_ctranslate2s_rule(changes: dict[str, Any], asked: int | None, slices: int) -> None:
    """8 where the configuration itself gives a head_dim of 128 or 256, which CodeGen2's do; or what the user says."""
    assert read(asked, **changes).mp == slices


@pytest.mark.parametrize(
    ("changes", "asked", "said"),
    [
        ({"model_type": "llama"}, None, "'llama'"),
        ({"n_layer": None}, None, "n_layer: None is no whole number"),
        ({"n_layer": 10**9}, None, "n_layer: 1000000000 is no whole number from 1 to 1024"),
        ({"n_head": 10**12}, None, "n_head: 1000000000000 is no whole number"),
        ({"n_head": True}, None, "n_head: True is no whole number"),
        ({"n_head": 0}, None, "n_head: 0 is no whole number"),
        ({"n_embd": 1025}, None, "not divisible by n_head 16"),
        ({"rotary_dim": 66}, None, "rotary_dim: 66"),
        ({"rotary_dim": 31}, None, "rotary_dim: 31"),
        ({"activation_function": "relu"}, None, "'relu'"),
        ({"layer_norm_epsilon": "tiny"}, None, "layer_norm_epsilon: 'tiny'"),
        ({}, 5, "16 heads do not divide into 5 slices"),
        ({"model_type": "gptj"}, 4, "nothing to slice"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], asked: int | None, said: str) -> None:
    """Each contradiction with its key."""
    assert said in refused(asked, **changes)


def test_all_problems_are_said_at_once() -> None:
    """Not one after the other."""
    said = refused(n_layer="two", rotary_dim=31, activation_function="relu")
    assert all(word in said for word in ("n_layer", "rotary_dim", "activation_function"))
