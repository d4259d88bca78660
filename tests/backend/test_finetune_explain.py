"""What a person is told of a training that failed, by the real words of such failures."""

from collections.abc import Sequence

import pytest

from pilotfish.backend.finetune.explain import Evidence, explain
from pilotfish.backend.finetune.failure import Failure
from pilotfish.backend.finetune.job import Job

JOB = Job(world=2, device="cuda", batch_size=4, accumulate=2, block_size=2048, gradient_checkpointing=True)
OUT_OF_MEMORY = Failure(
    "torch.OutOfMemoryError",
    "CUDA out of memory. Tried to allocate 22.00 MiB. GPU 0 has a total capacity of 23.65 GiB of which 11.06 MiB is "
    "free. Including non-PyTorch memory, this process has 23.60 GiB memory in use.",
)
NCCL = Failure(
    "torch.distributed.DistBackendError",
    "NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:1970, unhandled system error (run with "
    "NCCL_DEBUG=INFO for details), NCCL version 2.18.6\nncclSystemError: System call (e.g. socket, malloc) or "
    "external library call failed or device error.",
)
OLD_NCCL = Failure("RuntimeError", 'Pytorch "NCCL error": unhandled system error, NCCL version 2.4.8"')
FALLOCATE = (
    "host:2143:2561 [1] include/shm.h:28 NCCL WARN Call to posix_fallocate failed : No space left on device\n"
)
EXTEND = (
    "host:202235 [0] misc/shmutils.cc:88 NCCL WARN Error: failed to extend /dev/shm/nccl-WU88OE to 9637892 bytes, "
    "error: No space left on device (28)\n"
)
HOST = Failure(
    "RuntimeError",
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "64424509440 bytes. Error code 12 (Cannot allocate memory)",
)
COMPILER = Failure(
    "RuntimeError",
    "Error building extension 'cpu_adam': [1/3] c++ -MMD -MF cpu_adam.o.d\n/bin/sh: 1: c++: not found\nninja: build "
    "stopped: subcommand failed.",
)
MISMATCH = Failure(
    "deepspeed.ops.op_builder.builder.CUDAMismatchException",
    ">- DeepSpeed Op Builder: Installed CUDA version 11.0 does not match the version torch was compiled with 12.1, "
    "unable to compile cuda/cpp extensions without a matching cuda version.",
)
DISK = Failure(
    "safetensors_rust.SafetensorError",
    "Error while serializing: I/O error: No space left on device (os error 28)",
)
LOADER = Failure(
    "RuntimeError",
    "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
    "shared memory. Please try to raise your shared memory limit.",
)
ECHO = Failure(
    "RuntimeError", "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer"
)
DEEPSPEED = {"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}}


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (
            Evidence([OUT_OF_MEMORY]),
            ["GPU's memory", "--batch-size 2 --accumulate 4", "--lora", "zero2", "1024"],
        ),
        (Evidence([NCCL]), ["NCCL", "--ipc=host", "NCCL_DEBUG=INFO"]),
        (Evidence([OLD_NCCL]), ["NCCL", "--ipc=host"]),
        (Evidence([NCCL], nccl=FALLOCATE), ["/dev/shm", "is full", "--shm-size", "NCCL_SHM_DISABLE=1"]),
        (Evidence([NCCL], nccl=EXTEND), ["/dev/shm", "is full", "--shm-size"]),
        (Evidence([LOADER]), ["/dev/shm", "--ipc=host"]),
        (Evidence([HOST]), ["host's memory"]),
        (Evidence([COMPILER]), ["build-essential", "c++: not found"]),
        (Evidence([MISMATCH]), ["CUDA_HOME", "nvcc"]),
        (Evidence([DISK]), ["disk is full", "make room"]),
        (Evidence([ECHO], [-9]), ["killed (SIGKILL)", "memory"]),
        (Evidence([ECHO, OUT_OF_MEMORY], [1, -15]), ["GPU's memory"]),
        (Evidence(log="... exits with return code = -9\n", statuses=[247]), ["killed (SIGKILL)"]),
        (Evidence(statuses=[-7], shared_memory=64 << 20), ["SIGBUS", "/dev/shm", "--shm-size"]),
        (Evidence([Failure("ModuleNotFoundError", "x", "", "peft")]), ["peft", "pilotfish[train]"]),
        (Evidence([Failure("ValueError", "something else\nat length")]), ["ValueError: something else"]),
        (Evidence(log="one\ntwo\n", statuses=[1]), ["last words", "two"]),
    ],
)
def test_the_cause_and_what_to_change(evidence: Evidence, told: Sequence[str]) -> None:
    """Each failure is told by its cause, with what may help."""
    said = explain(JOB, evidence)
    assert [words for words in told if words not in said] == []


def test_advice_is_what_is_not_done_already() -> None:
    """Nothing is advised that the job has: not --lora to a LoRA, not zero2 to zero2; zero3 is."""
    job = Job(
        world=2, device="cuda", batch_size=1, lora_rank=8, deepspeed=DEEPSPEED, gradient_checkpointing=True
    )
    said = explain(job, Evidence([OUT_OF_MEMORY]))
    assert "zero3" in said
    assert not [
        words for words in ("--lora", "zero2", "--batch-size", "--gradient-checkpointing") if words in said
    ]


def test_offloading_is_named_when_the_host_is_full() -> None:
    """With DeepSpeed's offloading the host's memory is what it takes."""
    said = explain(Job(deepspeed=DEEPSPEED), Evidence([HOST]))
    assert "offload_optimizer" in said
    assert "offload" not in explain(Job(), Evidence([HOST]))


def test_a_large_shared_memory_is_not_blamed() -> None:
    """A crash where there is plenty of it is told as it is."""
    assert explain(JOB, Evidence(statuses=[-11], shared_memory=8 << 30)) == "a worker died of SIGSEGV."
