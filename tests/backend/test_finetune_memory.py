"""What a training takes of memory and disk, by DeepSpeed's stages, and what is said of what does not fit."""

from dataclasses import replace
from typing import Any

import pytest

from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.finetune.base import Base
from pilotfish.backend.finetune.deepspeed_presets import configuration
from pilotfish.backend.finetune.devices import Devices
from pilotfish.backend.finetune.finetune import check_memory
from pilotfish.backend.finetune.job import Job
from pilotfish.backend.finetune.memory import disk, need
from pilotfish.backend.finetune.problems import FinetuneError

COUNT = 1_000_000
SHAPE = {"layers": 20, "hidden": 1024, "heads": 16}
CPU = {"device": "cpu"}


def shared(stage: int, **zero: Any) -> dict[str, Any]:
    return {"zero_optimization": {"stage": stage, **zero}}


@pytest.mark.parametrize(
    ("deepspeed", "state", "host"),
    [
        # In 16 bits weights and gradients take 2 bytes each, and the optimizer's fp32 numbers 12; of four GPUs each.
        (shared(0), 2 + 2 + 12, 0),
        (shared(1), 2 + 2 + 3, 0),
        (shared(2), 2 + 0.5 + 3, 0),
        (shared(3), 0.5 + 0.5 + 3, 0),
        (shared(1, offload_optimizer=CPU), 2, 4 + 12),
        (shared(2, offload_optimizer=CPU), 2, 4 + 12),
        (shared(3, offload_optimizer=CPU, offload_param=CPU), 0, 4 + 12 + 2),
        (shared(3, offload_param=CPU), 0.5 + 3, 2),
        (shared(2, offload_optimizer={"device": "none"}), 2 + 0.5 + 3, 0),
    ],
)
def test_what_each_stage_shares_and_offloads(deepspeed: dict[str, Any], state: float, host: float) -> None:
    """Bytes a parameter, of one GPU of four and of the host."""
    job = Job(world=4, device="cuda", precision="bf16", deepspeed=deepspeed)
    found = need(job, COUNT, **SHAPE)
    assert (found.state / COUNT, found.host / COUNT) == (state, host)


def test_what_a_step_takes() -> None:
    """More with more at once; checkpointed activations are those of one layer; the logits are three times in fp32."""
    job = Job(rows=51200, block_size=512)
    whole = need(job, COUNT, **SHAPE).activations
    assert need(replace(job, batch_size=3), COUNT, **SHAPE).activations == 3 * whole
    checkpointed = need(replace(job, gradient_checkpointing=True), COUNT, **SHAPE).activations
    logits = 3 * 4 * 512 * 51200
    assert logits < checkpointed < whole / 2
    assert whole - need(replace(job, rows=0), COUNT, **SHAPE).activations == logits


def test_what_the_disk_takes() -> None:
    """Two checkpoints and a third that is being written, and the model: bytes a parameter."""
    assert disk(Job(), COUNT) == (3 * 12 + 4) * COUNT
    assert disk(Job(deepspeed=configuration("zero2", "cpu")), COUNT) == (3 * 16 + 4) * COUNT
    assert disk(Job(lora_rank=8), COUNT) < 8 * COUNT


@pytest.mark.parametrize(
    ("devices", "refused"),
    [
        (Devices(memory=15_999_999), True),
        (Devices(memory=16_000_000), False),
        # Processes on one host share its memory; GPUs have each their own.
        # Several have 4 bytes more each, for the gradients that they exchange.
        (Devices(world=2, memory=39_999_999), True),
        (Devices("cuda", world=2, memory=20_000_000), False),
        (Devices("cuda", memory=15_999_999), True),
    ],
)
def test_what_can_not_fit_is_refused_and_what_may_not_is_said(devices: Devices, *, refused: bool) -> None:
    """Weights and optimizer are certain, what a step takes is not: 16 bytes a parameter, and the rest is a warning."""
    job = Job(rows=51200, device=devices.kind, world=devices.world)
    base = Base(parameters=COUNT, architecture=Architecture(layers=20, heads=16, head_dim=64))
    said: list[str] = []
    if refused:
        with pytest.raises(FinetuneError, match="Smaller: --lora"):
            check_memory(job, base, devices, said.append)
        assert said == []
    else:
        check_memory(job, base, devices, said.append)
        assert len(said) == 1
        assert "This may not fit" in said[0]
        said.clear()
        check_memory(job, base, replace(devices, memory=1 << 40), said.append)
        assert said == []
