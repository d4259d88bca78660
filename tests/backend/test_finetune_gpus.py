"""What is known of GPUs without one: their kinds, what they hold, and the words of what fails on them."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.finetune.base import Base
from pilotfish.backend.finetune.deepspeed_presets import configuration
from pilotfish.backend.finetune.devices import Devices, built_for, find_devices, host_memory, precision_of
from pilotfish.backend.finetune.explain import Evidence, explain
from pilotfish.backend.finetune.failure import Failure
from pilotfish.backend.finetune.finetune import check_memory
from pilotfish.backend.finetune.job import Job
from pilotfish.backend.finetune.launcher import commands
from pilotfish.backend.finetune.memory import need
from pilotfish.backend.finetune.problems import FinetuneError

COUNT = 1_000_000
JOB = Job(device="cuda", precision="bf16")
NCCL_FULL = Failure(
    "torch.distributed.DistBackendError",
    "NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:77, unhandled cuda error (run with "
    "NCCL_DEBUG=INFO for details), NCCL version 2.26.2\nncclUnhandledCudaError: Call to CUDA function failed.\nLast "
    "error:\nCuda failure 2 'out of memory'",
)
PINNED = Failure(
    "torch.AcceleratorError",
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
)
NCCL_ECHO = Failure(
    "torch.distributed.DistBackendError",
    "NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.hpp:268, remote process exited or there was a "
    "network error, NCCL version 2.21.5\nncclRemoteError: A call failed possibly due to a network error or a remote "
    "process exiting prematurely.\nLast error:\nsocketProgressOpt: Call to recv from 127.0.0.1<33759> failed",
)


class Cuda:
    """What torch.cuda tells of a host: GPUs by name, compute capability and bytes, of which CUDA takes so many."""

    def __init__(self, *gpus: tuple[str, tuple[int, int], int], taken: int | None = None) -> None:
        self._gpus = gpus
        self._taken = len(gpus) if taken is None else taken
        self._known = False

    def is_available(self) -> bool:
        return True

    def init(self) -> None:
        if not self._taken:
            raise RuntimeError(
                "CUDA unknown error - this may be due to an incorrectly set up environment\nand so on"
            )
        self._known = True

    def device_count(self) -> int:
        return self._taken if self._known else len(self._gpus)

    def get_arch_list(self) -> list[str]:
        return ["sm_70", "sm_75", "sm_80", "sm_90"]

    def get_device_properties(self, number: int) -> SimpleNamespace:
        self._known = True
        assert number < self._taken, "Invalid device id"
        name, (major, minor), memory = self._gpus[number]
        return SimpleNamespace(name=name, major=major, minor=minor, total_memory=memory)


A100 = ("NVIDIA A100", (8, 0), 80 << 30)
V100 = ("Tesla V100", (7, 0), 32 << 30)
P40 = ("Tesla P40", (6, 1), 24 << 30)


@pytest.mark.parametrize(
    ("cuda", "asked", "visible", "found"),
    [
        (Cuda(A100), "", "", ("0", "bf16", 80)),
        (Cuda(A100, V100), "", "", ("0,1", "fp16", 32)),
        (Cuda(A100, V100), "1", "GPU-7, GPU-9", ("GPU-7", "bf16", 80)),
        (Cuda(A100, A100, V100), "2,0", "4,6,7", ("7,4", "fp16", 32)),
        (Cuda(P40, A100), "1,", "", ("1", "bf16", 80)),
        # Of GPUs that are divided CUDA takes the first part only, whatever the driver counts.
        (Cuda(A100, A100, taken=1), "", "", ("0", "bf16", 80)),
    ],
)
def test_what_is_trained_on(
    monkeypatch: pytest.MonkeyPatch, cuda: Cuda, asked: str, visible: str, found: tuple[str, str, int]
) -> None:
    """GPUs by the names that CUDA_VISIBLE_DEVICES takes, what all of them compute in, and the smallest one's memory."""
    torch = ModuleType("torch")
    vars(torch).update(cuda=cuda, __version__="2.10.0")
    monkeypatch.setitem(sys.modules, "torch", torch)
    devices = find_devices(asked, visible)
    assert (devices.numbers, devices.precision, devices.memory >> 30) == found
    assert devices.kind == "cuda"
    assert devices.world == len(found[0].split(","))
    assert devices.host > 0


@pytest.mark.parametrize(
    ("cuda", "asked", "said"),
    [
        (Cuda(A100, P40), "", "not built for GPU 1, Tesla P40 of compute capability 6.1"),
        (Cuda(A100), "2", "there is no GPU 1; torch sees 1"),
        (Cuda(A100, A100, taken=1), "2", "there is no GPU 1; torch sees 1"),
        (
            Cuda(A100, taken=0),
            "",
            r"can't use the GPUs here \(see 'nvidia-smi'\): CUDA unknown error.*environment$",
        ),
    ],
)
def test_gpus_that_can_not_be_used(
    monkeypatch: pytest.MonkeyPatch, cuda: Cuda, asked: str, said: str
) -> None:
    """Are refused by name before anything starts."""
    torch = ModuleType("torch")
    vars(torch).update(cuda=cuda, __version__="2.10.0")
    monkeypatch.setitem(sys.modules, "torch", torch)
    with pytest.raises(FinetuneError, match=said):
        find_devices(asked)


def test_what_gpus_compute_in() -> None:
    """The oldest decides: bf16 from Ampere on, fp16 on a V100 or P40, fp32 on what is older."""
    assert precision_of([(9, 0), (8, 6)]) == "bf16"
    assert precision_of([(8, 0), (7, 0)]) == "fp16"
    assert precision_of([(6, 1)]) == "fp16"
    assert precision_of([(5, 2), (8, 0)]) == "fp32"


def test_gpus_that_torch_was_built_for() -> None:
    """Machine code runs within a generation, half compiled code on all later ones."""
    cuda_12 = ["sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
    for capability in ((7, 0), (8, 9), (9, 0), (10, 0), (12, 0)):
        assert built_for(capability, cuda_12)
    assert not built_for((6, 1), cuda_12)
    assert built_for((6, 1), ["sm_60", "sm_70"])
    assert not built_for((7, 0), ["sm_75", "compute_75"])
    assert built_for((12, 1), ["sm_75", "compute_90"])
    assert not built_for((9, 1), ["sm_90a"])
    assert built_for((9, 0), [])


def test_a_p40_is_not_refused() -> None:
    """DeepSpeed would not compute in fp16 on it, unless its user has said what to do."""
    job = replace(JOB, deepspeed=configuration("zero2", "cuda"))
    ((_, environment),) = commands(job, "/w/job.json", "python", {}, 7)
    assert environment["DS_ALLOW_DEPRECATED_FP16"] == "1"
    ((_, environment),) = commands(job, "/w/job.json", "python", {"DS_ALLOW_DEPRECATED_FP16": "0"}, 7)
    assert environment["DS_ALLOW_DEPRECATED_FP16"] == "0"


def test_the_memory_of_a_container(tmp_path: Path) -> None:
    """Its limit counts where it has one."""
    limit = tmp_path / "memory.max"
    whole = host_memory(limit)
    assert whole > 0
    limit.write_text("max\n")
    assert host_memory(limit) == whole
    limit.write_text("4096\n")
    assert host_memory(limit) == 4096


def test_an_adapters_base_is_shared_too() -> None:
    """ZeRO-3 has it wait in the host's memory; where torch itself exchanges gradients, it keeps a copy of them."""
    shape = {"layers": 20, "hidden": 1024, "heads": 16}
    adapter = replace(JOB, lora_rank=8, world=2)
    found = need(replace(adapter, deepspeed=configuration("zero3", "cuda")), COUNT, **shape)
    assert (found.state, found.host) == (0, 2 * COUNT)
    assert need(replace(adapter, deepspeed=configuration("zero2", "cuda")), COUNT, **shape).state == 2 * COUNT
    assert need(adapter, COUNT, **shape).state == 2 * COUNT
    assert need(replace(JOB, world=2), COUNT, **shape).state == 20 * COUNT
    assert need(JOB, COUNT, **shape).state == 16 * COUNT


@pytest.mark.parametrize(("host", "refused"), [(15_999_999, True), (16_000_000, False), (0, False)])
def test_what_the_host_can_not_hold_is_refused(host: int, *, refused: bool) -> None:
    """What is offloaded must have room there, before an hour of loading shows that it has none."""
    job = replace(JOB, deepspeed=configuration("zero2", "cuda"))
    base = Base(parameters=COUNT, architecture=Architecture(layers=20, heads=16, head_dim=64))
    devices = Devices("cuda", memory=1 << 40, host=host)
    if refused:
        with pytest.raises(FinetuneError, match=r"the host has .* offloads less"):
            check_memory(job, base, devices, print)
    else:
        check_memory(job, base, devices, print)


def test_a_configuration_that_shares_nothing_is_refused(tmp_path: Path) -> None:
    """Without a stage there are no weights in fp32 to be written in the end; what clips must be a number."""
    file = tmp_path / "ds.json"
    for text, said in (
        ("{}", "leave --deepspeed out"),
        ('{"zero_optimization": {"stage": 0}}', "leave --deepspeed out"),
        ('{"zero_optimization": {"stage": 1}, "gradient_clipping": "some"}', "gradient_clipping"),
        ('{"zero_optimization": {"stage": 1}, "gradient_clipping": true}', "gradient_clipping"),
    ):
        file.write_text(text)
        with pytest.raises(FinetuneError, match=said):
            configuration(str(file), "cuda")


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (Evidence([NCCL_FULL]), ["a GPU's memory was not enough", "--lora"]),
        (Evidence([PINNED]), ["host's for what is offloaded", "--lora"]),
        (Evidence([NCCL_ECHO, Failure("ValueError", "of its own")]), ["ValueError: of its own"]),
        (Evidence([NCCL_ECHO], [-9], log=f"DistBackendError: {NCCL_ECHO.message}\n"), ["killed (SIGKILL)"]),
    ],
)
def test_the_cause_on_gpus(evidence: Evidence, told: Sequence[str]) -> None:
    """NCCL names memory that is full; what it says of another worker's end is no cause."""
    said = explain(replace(JOB, world=2), evidence)
    assert [words for words in told if words not in said] == []


def test_echoes_alone() -> None:
    """Where only those are left who lost another worker, it is said that it is gone, and what may have ended it."""
    small = explain(replace(JOB, world=2), Evidence([NCCL_ECHO], [1], shared_memory=64 << 20))
    assert "ended without a word, as it does when /dev/shm" in small
    assert "--shm-size" in small
    assert "Another said of it: torch.distributed.DistBackendError: NCCL error in" in small
    large = explain(replace(JOB, world=2), Evidence([NCCL_ECHO], [1], shared_memory=8 << 30))
    assert "ended without a word; the system may have killed it (dmesg tells)" in large
    assert "--shm-size" not in large
