"""What fits into this machine: memory, processors, and the context that both allow."""

import os
from dataclasses import dataclass
from pathlib import Path

from pilotfish.backend.models.gguf_metadata import GgufMetadata

from .base import EngineError
from .llama_prompt import RESERVED_TOKENS

_WORKSPACE = 256 * 1024 * 1024  # bytes for activations, the vocabulary and the process itself
_STEP = 256  # llama.cpp rounds a slot's cache up to this
_SHORTEST = 512  # tokens; with less, completion makes no sense
_MIB = 1024 * 1024
_SMALL = 300_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model is loaded."""

    slot_tokens: int
    """Tokens of one slot's cache."""
    context_length: int
    """Of these, what a request and its answer may use."""


def fit_context(metadata: GgufMetadata, *, wanted: int, slots: int, available: int | None) -> Fit:
    """The longest context up to ``wanted`` that the model was trained on and memory has room for.

    ``available`` is in bytes; None: not known, so anything goes. Raises ``EngineError`` that names the file and both
    numbers if not even a short context fits.
    """
    trained = metadata.context_length or wanted
    context = min(wanted, trained)
    while True:
        slot_tokens = min(_rounded(context + RESERVED_TOKENS), trained)
        needed = metadata.bytes + _WORKSPACE + slots * slot_tokens * metadata.kv_bytes_per_token
        if available is None or needed <= available:
            return Fit(slot_tokens, min(context, slot_tokens - RESERVED_TOKENS))
        if context <= _SHORTEST:
            raise EngineError(
                f"{metadata.path} is too big for this machine: with {slots} slots it needs {needed // _MIB:,} MiB of "
                f"memory, and {available // _MIB:,} MiB are available. Use a smaller model or fewer slots."
            )
        context = max(_SHORTEST, context // 2)


def available_memory(
    meminfo: Path = Path("/proc/meminfo"), control_group: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Bytes that can be had without swapping, a container's limit included; None if nothing tells."""
    known = [bytes_ for bytes_ in (_free(meminfo), _allowed(control_group)) if bytes_ is not None]
    if known:
        return min(known)
    try:
        return int(
            os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 0.7
        )  # macOS tells no more than this
    except (ValueError, OSError, AttributeError):
        return None


def default_threads(cpu_max: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """How many threads compute best here: one for each core, as far as can be told, within a container's share."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:
        processors = os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text("ascii").split()
        processors = min(processors, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass  # no limit
    # Beyond four, half of them are the second threads of a core, or the slow cores of a laptop: both slow the rest.
    return processors if processors <= 4 else max(4, min(16, processors // 2))


def decode_threads(model_bytes: int, threads: int) -> int:
    """How many of the threads write answers: one for a small model, where waiting for each other costs more.

    Measured on two cores with one thread and two, tokens per second: 145 MB 128 and 95, 514 MB 48 and 57.
    """
    return 1 if model_bytes < _SMALL else threads


def _rounded(tokens: int) -> int:
    return -(-tokens // _STEP) * _STEP


def _free(meminfo: Path) -> int | None:
    try:
        for line in meminfo.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _allowed(control_group: Path) -> int | None:
    """What a control group (version 2) still allows; file pages that it could drop do not count as used."""
    try:
        limit = int((control_group / "memory.max").read_text("ascii"))
        used = int((control_group / "memory.current").read_text("ascii"))
        droppable = dict(
            line.split() for line in (control_group / "memory.stat").read_text("ascii").splitlines()
        )
        return max(0, limit - used + int(droppable.get("inactive_file", 0)))
    except (OSError, ValueError):
        return None  # "max": no limit
