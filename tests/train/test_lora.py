"""An adapter, merged: the same model as base and adapter apart, and one that converts."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from harness.finetuning import SHORT, command, losses, record, run, write_data
from harness.tiny_codegen import write_codegen

pytestmark = [
    pytest.mark.timeout(600),
    # What peft asks transformers by its old name.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
BAR = 1e-4
"""The largest difference of two logits."""


@pytest.fixture(scope="module", params=["codegen", "gptj"])
def work(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base and what was made of it by an adapter, converted and verified."""
    work = tmp_path_factory.mktemp(request.param)
    base = write_codegen(work / "base", family=request.param, layers=2)
    argv = command(base, write_data(work / "data"), work / "out", *SHORT, "--learning-rate", "1e-2", "--lora")
    done = run([*argv, "--lora-rank", "8", "--ship", str(work / "repository")])
    assert done.status == 0, done.said
    assert "computes what the tuned model computes" in done.said
    return work


def logits(model: torch.nn.Module) -> torch.Tensor:
    """Of 64 tokens, all over the vocabulary: [64, V]."""
    ids = torch.arange(64)[None] * 785
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=ids).logits[0]
    return found


def load(folder: Path) -> torch.nn.Module:
    """A checkpoint as transformers loads it."""
    model: torch.nn.Module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model


def test_merged_is_base_and_adapter(work: Path) -> None:
    """The merged checkpoint's logits are those of the base with the adapter, and not those of the base."""
    merged = logits(load(work / "out"))
    apart = logits(PeftModel.from_pretrained(load(work / "base"), work / "out" / "adapter"))
    difference = float((merged - apart).abs().max())
    print(f"largest difference: {difference:.2e}")
    assert difference < BAR
    assert float((merged - logits(load(work / "base"))).abs().max()) > 100 * BAR


def test_only_the_adapter_learnt(work: Path) -> None:
    """The loss falls; embedding and head are the base's, bit for bit."""
    assert losses(work / "out")[-1] < losses(work / "out")[0]
    assert record(work / "out")["settings"]["lora_rank"] == 8
    before, after = load(work / "base").state_dict(), load(work / "out").state_dict()
    for name in ("transformer.wte.weight", "lm_head.weight", "lm_head.bias"):
        assert torch.equal(before[name], after[name])
