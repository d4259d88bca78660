"""What a step of a training keeps in memory, measured on what torch saves for the way back."""

from typing import Any

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from transformers import CodeGenConfig, CodeGenForCausalLM

from pilotfish.backend.finetune.job import Job
from pilotfish.backend.finetune.memory import need

TOKENS, HIDDEN = 256, 256


def kept(layers: int, heads: int, dtype: torch.dtype) -> int:
    """Bytes that a CodeGen of so many layers keeps, its weights not among them."""
    config = CodeGenConfig(
        vocab_size=64,
        n_embd=HIDDEN,
        n_layer=layers,
        n_head=heads,
        rotary_dim=8,
        bos_token_id=0,
        eos_token_id=0,
    )
    config.use_cache = False
    model = CodeGenForCausalLM(config).to(dtype)
    own = {each.untyped_storage().data_ptr() for each in model.parameters()}
    storages: dict[int, Any] = {}  # held, so that none of them is used again while it is counted

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage
        return tensor

    ids = torch.zeros(1, TOKENS, dtype=torch.long)
    with saved_tensors_hooks(note, lambda tensor: tensor):
        model(input_ids=ids, labels=ids)
    return sum(storage.nbytes() for storage in storages.values())


@pytest.mark.parametrize("heads", [4, 16])
@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_what_a_layer_keeps(heads: int, precision: str, dtype: torch.dtype) -> None:
    """It is what is calculated, to some percent."""
    job = Job(block_size=TOKENS, precision=precision)
    measured = kept(2, heads, dtype) - kept(1, heads, dtype)
    two, one = (need(job, 0, layers=layers, hidden=HIDDEN, heads=heads).activations for layers in (2, 1))
    print(f"a layer keeps {measured:,} bytes, calculated {two - one:,}")
    assert two - one == pytest.approx(measured, rel=0.07)
