"""The reference decoder and the mapping to GPT-J against transformers' own CodeGen and GPT-J."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, GPTJConfig, GPTJForCausalLM

from harness.greedy import greedy
from harness.tiny_codegen import write_codegen
from pilotfish.backend.converter.architecture import Architecture, read_architecture
from pilotfish.backend.converter.mapping import GptjWeights, hf_name, validate
from pilotfish.backend.converter.reference import logits
from pilotfish.backend.converter.reference_weights import checkpoint_weights
from pilotfish.backend.converter.source import Checkpoint, open_checkpoint

Array = NDArray[Any]
IDS = [4299, 277, 33529, 198, 50284, 7783, 50294, 87, 628, 0, 50256, 50294, 13, 13]


def theirs(model: Any, ids: list[int]) -> Array:
    """Logits [n, V] as transformers computes them."""
    with torch.no_grad():
        result: Array = model(torch.tensor([ids])).logits[0].numpy()
    return result


def apart(ours: Array, expected: Array) -> float:
    """The largest difference, in units of the largest logit."""
    return float(np.abs(ours - expected).max() / np.abs(expected).max())


def load(folder: Path) -> Any:
    """A checkpoint as transformers loads it, in float32 and with its plain attention."""
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def gptj(architecture: Architecture, weights: Mapping[str, Array]) -> Any:
    """Transformers' GPT-J around weights in GPT-J's names."""
    config = GPTJConfig(
        vocab_size=architecture.rows,
        n_positions=architecture.positions,
        n_embd=architecture.hidden,
        n_layer=architecture.layers,
        n_head=architecture.heads,
        rotary_dim=architecture.rotary_dim,
        n_inner=architecture.inter,
        layer_norm_epsilon=architecture.eps,
        tie_word_embeddings=False,
    )
    config._attn_implementation = "eager"
    model = GPTJForCausalLM(config).eval()
    state = {hf_name(name): torch.from_numpy(np.array(array, np.float32)) for name, array in weights.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith(("attn.bias", "attn.masked_bias", "embed_positions")) for name in missing)
    return model


@pytest.fixture(scope="module", params=[51200, 50295, 50296])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen with as many rows."""
    return write_codegen(tmp_path_factory.mktemp("codegen") / "checkpoint", rows=request.param, layers=3)


@pytest.fixture
def checkpoint(folder: Path) -> Iterator[Checkpoint]:
    """The same, open."""
    with open_checkpoint(folder) as opened:
        yield opened


def test_the_mapping_is_exact(folder: Path, checkpoint: Checkpoint) -> None:
    """Transformers' GPT-J with the mapped weights gives transformers' CodeGen's logits, to the last bit."""
    architecture = read_architecture(checkpoint.config, checkpoint.tensors)
    assert validate(checkpoint, architecture) == []
    weights = GptjWeights(checkpoint, architecture)
    mapped = gptj(architecture, {name: weights.read(name) for name in weights.names()})
    np.testing.assert_array_equal(theirs(mapped, IDS), theirs(load(folder), IDS))


def test_a_wrong_mapping_is_seen(folder: Path, checkpoint: Checkpoint) -> None:
    """With value and key swapped the logits are others altogether, so the comparison can tell."""
    architecture = read_architecture(checkpoint.config, checkpoint.tensors)
    weights = GptjWeights(checkpoint, architecture)
    swap = {"k_proj": "v_proj", "v_proj": "k_proj"}
    wrong = {
        name: weights.read(
            next((name.replace(one, other) for one, other in swap.items() if one in name), name)
        )
        for name in weights.names()
    }
    assert apart(theirs(gptj(architecture, wrong), IDS), theirs(load(folder), IDS)) > 0.1


def test_the_reference_decoder_is_transformers_codegen(folder: Path, checkpoint: Checkpoint) -> None:
    """Logits to rounding, and greedy text to the id."""
    weights = checkpoint_weights(checkpoint, read_architecture(checkpoint.config, checkpoint.tensors))
    model = load(folder)
    assert apart(logits(weights, IDS)[0], theirs(model, IDS)) < 1e-5
    prompt = torch.tensor([IDS])
    generated = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),  # or the end of text in it would be taken for padding
        max_new_tokens=24,
        do_sample=False,
        eos_token_id=None,
    )
    assert greedy(weights, IDS, 24) == generated[0, len(IDS) :].tolist()


def test_the_reference_decoder_is_transformers_gptj(tmp_path: Path) -> None:
    """The same for a GPT-J checkpoint."""
    folder = write_codegen(tmp_path / "gptj", family="gptj")
    with open_checkpoint(folder) as checkpoint:
        weights = checkpoint_weights(checkpoint, read_architecture(checkpoint.config, checkpoint.tensors))
        assert apart(logits(weights, IDS)[0], theirs(load(folder), IDS)) < 1e-5


def test_eight_slices_are_four_in_another_order(tmp_path: Path) -> None:
    """A CodeGen2 of eight slices gives the logits of the same model stored in four, which transformers knows."""
    write = partial(write_codegen, rows=50295, heads=8, head_dim=128, rotary_dim=64, layers=1)
    four = write(tmp_path / "four", mp=4)
    eight = write(tmp_path / "eight", mp=8, codegen2=True)
    with open_checkpoint(eight) as checkpoint:
        architecture = read_architecture(checkpoint.config, checkpoint.tensors)
        assert architecture.mp == 8
        weights = GptjWeights(checkpoint, architecture)
        mapped = gptj(architecture, {name: weights.read(name) for name in weights.names()})
        ours = logits(checkpoint_weights(checkpoint, architecture), IDS)[0]
    expected = theirs(load(four), IDS)
    np.testing.assert_array_equal(theirs(mapped, IDS), expected)
    assert apart(ours, expected) < 1e-5
