"""Failures of a training that have a known reason, and what to change. Pure: a table of texts."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .job import Job

Advice = Callable[[Job], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason."""

    pattern: re.Pattern[str] = re.compile("")
    """Found in what workers, NCCL or a compiler have written."""
    what: str = ""
    """What it means, as a sentence without its end."""
    advice: Advice = lambda _: ()
    """What to change, the likeliest to help first."""


def _smaller(job: Job) -> list[str]:
    """Ways to need less of a GPU's memory."""
    found = []
    if job.batch_size > 1:
        fewer, more = job.batch_size // 2, job.accumulate * 2
        found.append(f"a smaller batch, the same step: --batch-size {fewer} --accumulate {more}")
    if not job.gradient_checkpointing:
        found.append("--gradient-checkpointing")
    if not job.lora_rank:
        found.append("--lora: no gradients and no optimizer's state for the base's own weights")
    if job.deepspeed is None:
        found.append("--deepspeed zero2: the optimizer's state in the host's memory")
    elif int(job.deepspeed.get("zero_optimization", {}).get("stage", 0)) < 3:
        found.append("--deepspeed zero3: the weights shared among the GPUs and the host too")
    if job.block_size > 512:
        found.append(f"--block-size {job.block_size // 2}, at the cost of shorter contexts")
    return found


def _less_host(job: Job) -> list[str]:
    """Ways to need less of the host's memory."""
    found = []
    if job.deepspeed is not None:
        found.append(
            "offloading takes 16 bytes of the host's memory for each parameter: hardly any with --lora, or none "
            "with a --deepspeed FILE that has no offload_optimizer"
        )
    if job.device == "cpu" and job.batch_size > 1:
        found.append(f"--batch-size {job.batch_size // 2} --accumulate {job.accumulate * 2}")
    if not job.lora_rank:
        found.append("--lora")
    return [
        *found,
        "in a container: a higher limit (docker run --memory)",
        "a machine with more memory, or swap",
    ]


def _either(job: Job) -> list[str]:
    """Less of a GPU's memory or, where something is offloaded, of the host's."""
    return [*_smaller(job), *(_less_host(job) if job.deepspeed is not None else [])]


def _shared(_: Job) -> list[str]:
    """More shared memory, or none of it."""
    return [
        "docker run --ipc=host, or --shm-size=8g: a container's own /dev/shm has 64 MB",
        "without containers: mount -o remount,size=8g /dev/shm",
        "NCCL_SHM_DISABLE=1 in the environment: the GPUs then speak by sockets, which is slower",
    ]


def _compiler(_: Job) -> list[str]:
    """What DeepSpeed compiles with."""
    return [
        "a C++ compiler (Debian, Ubuntu: apt install build-essential python3-dev)",
        "ninja: pip install 'pilotfish[train]'",
        "or without: a --deepspeed FILE whose zero_optimization has no offload_optimizer; --lora",
    ]


def _cuda_kit(_: Job) -> list[str]:
    """What DeepSpeed compiles for GPUs with."""
    return [
        "nvcc of the version that torch was built with (python -c 'import torch; print(torch.version.cuda)'), and "
        "CUDA_HOME set to where it is",
        "the train image of compose, which has both",
        "or without offloading, so that nothing is compiled: a --deepspeed FILE without offload_optimizer",
    ]


def _cause(pattern: str, what: str, advice: Advice) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE | re.DOTALL), what, advice)


SHARED_MEMORY = _cause(
    r"posix_fallocate failed ?: No space left on device|creating shared memory segment|failed to extend /dev/shm|"
    r"/dev/shm[^\n]*No space left on device|unable to (?:write to|open|allocate shared memory)[^\n]*/torch_|"
    r"out of shared memory|shm_open[^\n]*No space left",
    "/dev/shm, through which processes of one machine exchange what they know, is full",  # noqa: S108 - named only
    _shared,
)
HOST_MEMORY = _cause(
    r"can't allocate memory|Cannot allocate memory|std::bad_alloc|(?m:^MemoryError)|numpy.*ArrayMemoryError",
    "the host's memory was not enough",
    _less_host,
)
CAUSES: Sequence[Cause] = (
    SHARED_MEMORY,
    _cause(
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|"
        r"Cuda failure (?:\d+ )?'out of memory'",
        "a GPU's memory was not enough",
        _smaller,
    ),
    _cause(
        # What CUDA says itself, also of the host's memory that it is to pin.
        r"CUDA error: out of memory",
        "a GPU's memory was not enough, or the host's for what is offloaded",
        _either,
    ),
    _cause(
        r"unhandled system error|ncclSystemError",
        "NCCL, by which the GPUs exchange what they know, could not use something of the system",
        lambda job: (*_shared(job), "NCCL_DEBUG=INFO in the environment: its own words are then in the log"),
    ),
    _cause(
        r"unhandled cuda error|ncclUnhandledCudaError|NCCL error(?![^\n]*remote process exited)",
        "NCCL, by which the GPUs exchange what they know, failed",
        lambda _: (
            "NCCL_DEBUG=INFO in the environment: its own words are then in the log",
            "NCCL_P2P_DISABLE=1 on machines whose GPUs can't reach each other's memory",
            "--gpus 1, to see whether one GPU alone works",
        ),
    ),
    HOST_MEMORY,
    _cause(
        r"CUDA_HOME does not exist|(?:CUDAMismatch|MissingCUDA)Exception|"
        r"Installed CUDA version [^\n]* does not match",
        "DeepSpeed wants to compile a part of it for the GPU, and finds no CUDA that fits torch",
        _cuda_kit,
    ),
    _cause(
        r"\b(?:c\+\+|g\+\+|gcc|ninja): (?:command )?not found|No such file or directory: '(?:c\+\+|g\+\+|gcc|ninja)'|"
        r"Ninja is required",
        "DeepSpeed compiles a part of it when that is first used, and finds nothing to compile with",
        _compiler,
    ),
    _cause(
        r"fatal error: [^\n]*No such file|Error building extension|command '?(?:c\+\+|g\+\+|gcc)'? failed",
        "DeepSpeed compiles a part of it when that is first used, and that failed",
        _compiler,
    ),
    _cause(
        r"No space left on device|Disk quota exceeded|PytorchStreamWriter failed writing file",
        "the disk is full",
        lambda _: ("make room: a checkpoint takes up to 12 bytes a parameter, and two are kept",),
    ),
    _cause(
        r"no kernel image is available",
        "this torch was not built for this GPU",
        lambda _: ("another torch: https://pytorch.org/get-started says which one is for which GPU",),
    ),
    _cause(
        r"loss scale already at minimum",
        "the numbers grew beyond what fp16 can hold, again and again",
        lambda job: (f"--learning-rate {job.learning_rate / 4:g}", "a GPU with bf16 (Ampere or newer)"),
    ),
    _cause(
        r"Diverged: ",
        "the training diverged: its loss is no number any more",
        lambda job: (
            f"--learning-rate {job.learning_rate / 4:g}",
            "a longer --warmup",
            "other --data, if it began so",
        ),
    ),
    _cause(
        r"Address already in use|EADDRINUSE",
        "the port at which the workers meet was taken by another program in the same moment",
        lambda _: ("the same command again",),
    ),
    _cause(
        r"Watchdog caught collective operation timeout|Timed out waiting .* (?:recv|send|store)",
        "a worker waited too long for another",
        lambda _: (
            "whether one GPU is busy with something else (nvidia-smi)",
            "--gpus 1, to see whether that works",
        ),
    ),
)
"""In the order in which they are looked for: what causes another stands before it."""
