"""Bases that are loaded in 16 bits, as on GPUs: those that only an adapter learns beside, and DeepSpeed's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import distributed
from transformers import AutoModelForCausalLM

from harness.tiny_codegen import write_codegen
from pilotfish.backend.finetune.job import Job
from pilotfish.backend.finetune.training import model_of
from pilotfish.backend.finetune.work_folder import WorkFolder
from pilotfish.backend.finetune.writing import write_model

# What peft asks transformers by its old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A process group as several workers have it, of this process alone."""
    distributed.init_process_group(
        "gloo", store=distributed.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1
    )
    yield
    if distributed.is_initialized():
        distributed.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_what_writes_is_alone(tmp_path: Path) -> None:
    """No group of processes is left once the first one writes, or the end of another could disturb it.

    The weights are written in the base's type, out of those that learnt in fp32.
    """
    base = write_codegen(tmp_path / "base", layers=1)
    folder = WorkFolder(tmp_path / "work")
    folder.path.mkdir()
    job = Job(base=str(base), rows=51200, world=2, precision="bf16", dtype="bfloat16")
    model = model_of(job)
    assert model.dtype == torch.float32
    with torch.no_grad():
        model.lm_head.bias += 1e-3
    learnt = model.lm_head.bias.detach().clone()
    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(unwrap_model=lambda found: found),
        args=SimpleNamespace(process_index=0),
    )
    write_model(trainer, job, folder, lambda: pytest.fail("nothing is to be loaded for it"))
    assert not distributed.is_initialized()
    written = AutoModelForCausalLM.from_pretrained(folder.model).state_dict()["lm_head.bias"]
    assert torch.equal(written, learnt.to(torch.bfloat16))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_an_adapter_is_merged_into_weights_that_lost_nothing(tmp_path: Path, precision: str) -> None:
    """The base is held in 16 bits and the adapter in fp32; merged are the base's own numbers, not the rounded ones."""
    base = write_codegen(tmp_path / "base", layers=1)
    folder = WorkFolder(tmp_path / "work")
    folder.path.mkdir()
    job = Job(base=str(base), rows=51200, lora_rank=4, precision=precision, dtype="float32")
    model = model_of(job)
    weights = dict(model.named_parameters())
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert {each.dtype for each in weights.values() if each.requires_grad} == {torch.float32}
    assert {each.dtype for each in weights.values() if not each.requires_grad} == {half}
    for name, each in weights.items():
        if "lora_B" in name:
            torch.nn.init.normal_(each, std=0.02)
    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(unwrap_model=lambda found: found),
        args=SimpleNamespace(process_index=0),
    )
    write_model(trainer, job, folder, lambda: model_of(replace(job, precision="fp32")))
    before, merged = (
        AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).state_dict()
        for path in (base, folder.model)
    )
    assert torch.equal(merged["transformer.wte.weight"], before["transformer.wte.weight"])
    prefix = "base_model.model.transformer.h.0.mlp.fc_in."
    added = weights[f"{prefix}lora_B.default.weight"] @ weights[f"{prefix}lora_A.default.weight"] * 2
    expected = before["transformer.h.0.mlp.fc_in.weight"] + added.detach()
    assert torch.allclose(merged["transformer.h.0.mlp.fc_in.weight"], expected, atol=1e-6)


def test_what_is_trained_is_loaded_whole() -> None:
    """Without an adapter or DeepSpeed the weights are fp32, whatever is computed in."""
    assert Job(precision="bf16").loaded_in == "fp32"
    assert Job(precision="bf16", deepspeed={}).loaded_in == "bf16"
    assert Job(precision="fp16", lora_rank=8).loaded_in == "fp16"
    assert Job(lora_rank=8).loaded_in == "fp32"
