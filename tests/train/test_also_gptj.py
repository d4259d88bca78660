"""What `--also-gptj` writes is a GPT-J that transformers loads, and it computes exactly what the CodeGen does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.tiny_codegen import write_codegen
from pilotfish.backend.converter.convert import ConvertOptions, convert

TEXT = "def hello():\n        return 1"


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_it_is_the_same_model(dtype: str, tmp_path: Path) -> None:
    """Every tensor is found and none left over, the logits are equal to the last bit, the tokenizer is CodeGen's."""
    checkpoint = write_codegen(tmp_path / "codegen", rows=50295, dtype=dtype, layers=1)
    convert(ConvertOptions(checkpoint, tmp_path / "out", also_gptj=True))
    beside = tmp_path / "out-gptj"
    codegen = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    gptj: Any
    gptj, told = AutoModelForCausalLM.from_pretrained(beside, dtype=torch.float32, output_loading_info=True)
    assert type(gptj).__name__ == "GPTJForCausalLM"
    assert not any(told.values())
    ids = AutoTokenizer.from_pretrained(beside)(TEXT, return_tensors="pt").input_ids
    assert ids[0, :3].tolist() == [4299, 23748, 33529]
    assert torch.equal(codegen(ids).logits, gptj(ids).logits)
