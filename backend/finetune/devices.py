"""What a training runs on: which GPUs, or how many processes on the CPU."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .problems import FinetuneError

_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""What a container may use of the host's memory, where it is a container: bytes, or ``max``."""
_ARCHITECTURE = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")


@dataclass(frozen=True, slots=True)
class Devices:
    """What was found and chosen."""

    kind: str = "cpu"
    """``cpu`` or ``cuda``."""
    world: int = 1
    """Processes, one for each device."""
    numbers: str = ""
    """Of the GPUs, with commas; empty: the first ones."""
    precision: str = "fp32"
    memory: int = 0
    """Bytes of the smallest GPU; of the host without one."""
    host: int = 0
    """Bytes of the host beside its GPUs."""

    @property
    def threads(self) -> int:
        """Of each process on the CPU, so that several do not get in each other's way; 0: torch's choice."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // self.world) if self.kind == "cpu" and self.world > 1 else 0


def find_devices(asked: str, visible: str = "") -> Devices:
    """The devices of this machine that ``--gpus`` means, among those that CUDA_VISIBLE_DEVICES leaves visible.

    Raises ``FinetuneError``.
    """
    import torch

    world, numbers = parse(asked)
    if not torch.cuda.is_available():
        if numbers:
            raise FinetuneError(f"--gpus: {numbers} names GPUs, and torch sees none here (see 'nvidia-smi').")
        return Devices(world=world or 1, memory=host_memory())
    try:
        torch.cuda.init()  # before it, what is counted are the driver's GPUs, of which CUDA may leave some out
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise FinetuneError(f"torch can't use the GPUs here (see 'nvidia-smi'): {reason}") from error
    there = torch.cuda.device_count()
    chosen = [int(number) for number in numbers.split(",")] if numbers else list(range(world or there))
    if beyond := [number for number in chosen if number >= there]:
        raise FinetuneError(
            f"--gpus: there is no GPU {beyond[0]}; torch sees {there} here, 0 to {there - 1}."
        )
    found = {number: torch.cuda.get_device_properties(number) for number in chosen}
    for number, each in found.items():
        if not built_for((each.major, each.minor), torch.cuda.get_arch_list()):
            raise FinetuneError(
                f"--gpus: this torch ({torch.__version__}) was not built for GPU {number}, {each.name} of compute "
                f"capability {each.major}.{each.minor}. https://pytorch.org/get-started says which one is; --gpus "
                "with the numbers of others leaves this GPU out."
            )
    precision = precision_of([(each.major, each.minor) for each in found.values()])
    memory = min(each.total_memory for each in found.values())
    return Devices("cuda", len(chosen), named(chosen, visible), precision, memory, host_memory())


def precision_of(capabilities: Sequence[tuple[int, int]]) -> str:
    """What all GPUs of these compute capabilities compute in: bf16 from Ampere on, fp16 from Pascal on."""
    oldest = min(capabilities)[0]
    return "bf16" if oldest >= 8 else "fp16" if oldest >= 6 else "fp32"


def built_for(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether a torch that was built for some architectures (``sm_80``, ``compute_90``) runs on a GPU.

    Machine code runs on GPUs of the same first number and the same or a later second one; what is only half compiled
    (``compute``) on all later ones. True if there is no list, as in builds that are not NVIDIA's.
    """
    known = [found.groups() for each in architectures if (found := _ARCHITECTURE.fullmatch(each))]
    for kind, major, minor, only in known:
        built = (int(major), int(minor))
        if only == "a":
            fits = capability == built
        else:
            fits = capability >= built and (kind == "compute" or capability[0] == built[0])
        if fits:
            return True
    return not known


def host_memory(limit: Path = _LIMIT) -> int:
    """Bytes of the host's memory, or of what a container has of it."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(there, int(limit.read_text("ascii")))
    except (OSError, ValueError):  # no limit
        return there


def named(chosen: Sequence[int], visible: str) -> str:
    """Of GPUs by their number among the visible ones: their own names, with commas."""
    names = [name.strip() for name in visible.split(",") if name.strip()]
    return ",".join(names[number] if number < len(names) else str(number) for number in chosen)


def parse(asked: str) -> tuple[int, str]:
    """How many, or which: ``2`` is (2, ""), ``0,2`` is (0, "0,2"), and ``1,`` is GPU 1 alone."""
    if not asked:
        return 0, ""
    if re.fullmatch(r"[1-9]\d*", asked):
        return int(asked), ""
    if re.fullmatch(r"\d+,|\d+(,\d+)+", asked):
        numbers = [number for number in asked.split(",") if number]
        if len(set(numbers)) == len(numbers):
            return 0, ",".join(numbers)
    raise FinetuneError(f"--gpus: {asked!r} is neither a number of GPUs nor a list such as 0,1.")
