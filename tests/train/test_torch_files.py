"""Our reader of pytorch_model.bin against files that torch itself saved, in every form that it saves them in."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from harness.tiny_codegen import TinyShape, tiny_config, tiny_tensors, write_codegen
from pilotfish.backend.converter.architecture import read_architecture
from pilotfish.backend.converter.mapping import validate
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.source import Checkpoint, open_checkpoint

SHAPE = TinyShape(rows=320, positions=32)


def save(folder: Path, state: Any, **options: Any) -> Path:
    """A checkpoint's folder around a state_dict."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(tiny_config(SHAPE)))
    torch.save(state, folder / "pytorch_model.bin", **options)
    return folder


def state_dict(**options: Any) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in tiny_tensors(SHAPE, **options).items()}


def assert_reads(checkpoint: Checkpoint, state: Mapping[str, torch.Tensor]) -> None:
    """Every tensor by its name, shape, type and numbers."""
    assert checkpoint.tensors.keys() == state.keys()
    for name, tensor in state.items():
        assert checkpoint.tensors[name].shape == tuple(tensor.shape)
        assert f"torch.{checkpoint.tensors[name].dtype}" == str(tensor.dtype)
        wide = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
        np.testing.assert_array_equal(checkpoint.read(name), wide.numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_type(dtype: torch.dtype, tmp_path: Path) -> None:
    """Floats of all kinds, and the boolean masks that old checkpoints carry."""
    state = {
        name: tensor if tensor.dtype == torch.bool else tensor.to(dtype)
        for name, tensor in state_dict(masks=True).items()
    }
    with open_checkpoint(save(tmp_path / "checkpoint", state)) as checkpoint:
        assert_reads(checkpoint, state)
        assert validate(checkpoint, read_architecture(checkpoint.config, checkpoint.tensors)) == []


def test_a_models_own_state_dict(tmp_path: Path) -> None:
    """An OrderedDict of parameters, with torch's metadata on it, is what fine-tuning scripts save."""
    source = write_codegen(tmp_path / "source", rows=320, tokenizer=False)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    state = model.state_dict()
    assert isinstance(state, OrderedDict)
    with open_checkpoint(save(tmp_path / "saved", state)) as checkpoint:
        assert_reads(checkpoint, state)
    parameters = {name: nn.Parameter(tensor) for name, tensor in state.items()}
    with open_checkpoint(save(tmp_path / "parameters", parameters)) as checkpoint:
        assert_reads(checkpoint, parameters)


def test_views_of_one_storage(tmp_path: Path) -> None:
    """Tensors that share a storage, at offsets in it, are told apart."""
    state = state_dict()
    whole = torch.cat([state["transformer.ln_f.weight"], state["transformer.ln_f.bias"]])
    state["transformer.ln_f.weight"], state["transformer.ln_f.bias"] = whole[:64], whole[64:]
    state["lm_head.weight"] = state["transformer.wte.weight"]
    with open_checkpoint(save(tmp_path / "checkpoint", state)) as checkpoint:
        assert_reads(checkpoint, state)


def test_transposed_tensors(tmp_path: Path) -> None:
    """A tensor that torch keeps as the transpose of another, or as every other row of it, has its own numbers."""
    state = state_dict()
    state["lm_head.weight"] = torch.arange(64.0 * 320).reshape(64, 320).T
    state["transformer.wte.weight"] = torch.arange(640.0 * 64).reshape(640, 64)[1::2]
    with open_checkpoint(save(tmp_path / "checkpoint", state)) as checkpoint:
        assert_reads(checkpoint, state)


def test_shards(tmp_path: Path) -> None:
    """Several files and the index that transformers writes for them."""
    state = state_dict()
    names = list(state)
    halves = {"a.bin": names[::2], "b.bin": names[1::2]}
    folder = save(tmp_path / "checkpoint", {})
    (folder / "pytorch_model.bin").unlink()
    for file, part in halves.items():
        torch.save({name: state[name] for name in part}, folder / file)
    weight_map = {name: file for file, part in halves.items() for name in part}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with open_checkpoint(folder) as checkpoint:
        assert_reads(checkpoint, state)


def test_what_is_not_read_is_refused_by_name(tmp_path: Path) -> None:
    """The format before torch 1.6, a pickle protocol that torch does not choose, whole modules."""
    old = save(tmp_path / "old", state_dict(), _use_new_zipfile_serialization=False)
    with pytest.raises(ConvertError, match="old format"), open_checkpoint(old):
        pass
    newer = save(tmp_path / "newer", state_dict(), pickle_protocol=4)
    with pytest.raises(ConvertError, match="STACK_GLOBAL"), open_checkpoint(newer):
        pass
    with (
        pytest.raises(ConvertError, match="Linear"),
        open_checkpoint(save(tmp_path / "module", nn.Linear(2, 2))),
    ):
        pass
