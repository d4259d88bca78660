"""What a training runs on: which GPUs, or how many processes on the CPU."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .problems import FinetuneError


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
        return Devices(world=world or 1, memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    there = torch.cuda.device_count()
    chosen = [int(number) for number in numbers.split(",")] if numbers else list(range(world or there))
    if beyond := [number for number in chosen if number >= there]:
        raise FinetuneError(
            f"--gpus: there is no GPU {beyond[0]}; torch sees {there} here, 0 to {there - 1}."
        )
    memory = min(torch.cuda.get_device_properties(number).total_memory for number in chosen)
    capable = all(torch.cuda.get_device_capability(number)[0] >= 8 for number in chosen)
    return Devices("cuda", len(chosen), named(chosen, visible), "bf16" if capable else "fp16", memory)


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
