"""Why a training failed, and what to change: from what the workers left. The core is pure."""

import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pilotfish.backend.models.progress import readable

from .causes import CAUSES, HOST_MEMORY, SHARED_MEMORY
from .failure import Failure, read_failure
from .job import Job
from .work_folder import WorkFolder

_TAIL = 64 * 1024
"""Bytes at a log's end that are looked at."""
_LAUNCHER_SAYS = re.compile(r"exits with return code = (-?\d+)")
_ECHOES = re.compile(
    r"Connection (?:closed|reset|refused)|Broken pipe|terminated|gloo|Watchdog|remote process exited",
    re.IGNORECASE,
)
"""What a worker says when another one is gone: no cause of its own."""
_OUR_SIGNALS = frozenset((signal.SIGTERM, signal.SIGINT))
"""By which the others are ended when one has failed."""
_SHARED_FOLDER = "/dev/shm"  # noqa: S108 - looked at, not written to
_ENOUGH_SHARED = 512 << 20
"""Bytes of it from which on something else is to blame; containers have 64 MB if nobody says otherwise."""
_BY_FULL_MEMORY = frozenset((signal.SIGBUS, signal.SIGSEGV))
"""What ends a process that uses a page of it which is not there."""
_LAST_LINES = 6


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a training left that failed."""

    failures: Sequence[Failure] = ()
    """Exceptions, by rank."""
    statuses: Sequence[int] = ()
    """Of the processes that we started; negative: the signal that ended one."""
    log: str = ""
    """The end of what the workers wrote."""
    nccl: str = ""
    """What NCCL wrote."""
    shared_memory: int = 0
    """Bytes of /dev/shm."""


def gather(job: Job, folder: WorkFolder, statuses: Sequence[int]) -> Evidence:
    """Read what is there."""
    failures = [found for rank in range(job.world) if (found := read_failure(folder.failure(rank)))]
    nccl = "".join(_end(path) for path in sorted(folder.path.glob("nccl-*.log")))
    return Evidence(failures, statuses, _end(folder.log), nccl, _shared_memory())


def explain(job: Job, evidence: Evidence) -> str:
    """What went wrong and what to change, for people."""
    for failure in evidence.failures:
        if failure.library:
            return (
                f"the training needs {failure.library}, which is not installed here. Install it with: "
                "pip install 'pilotfish[train]'"
            )
    own = [each for each in evidence.failures if not _ECHOES.search(f"{each.kind} {each.message}")]
    said = [f"{each.kind}: {each.message}" for each in own]
    for cause in CAUSES:
        for text in (evidence.nccl, *said, evidence.log):
            if match := cause.pattern.search(text):
                return _told(cause.what, cause.advice(job), f"It said: {_line(text, match.start())}")
    if killed := _signal(evidence):
        return _by_signal(job, killed, evidence.shared_memory)
    if own:
        return f"the training failed: {own[0].kind}: {_line(own[0].message.strip(), 0)}"
    if evidence.failures:
        return _by_nobody(job, evidence)
    last = "\n  ".join(evidence.log.strip().splitlines()[-_LAST_LINES:])
    return f"the training failed, and its last words were:\n  {last or '(none)'}"


def _told(what: str, advice: Sequence[str], said: str = "") -> str:
    lines = [
        f"{what}.",
        *([f"  {said}"] if said else []),
        "  What may help:",
        *(f"    {each}" for each in advice),
    ]
    return "\n".join(lines)


def _by_signal(job: Job, number: int, shared_memory: int) -> str:
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    if number == signal.SIGKILL:
        what = f"a worker was killed ({name}), most often by the system for want of memory (dmesg tells)"
        return _told(what, HOST_MEMORY.advice(job))
    if number in _BY_FULL_MEMORY and job.world > 1 and shared_memory < _ENOUGH_SHARED:
        what = f"a worker died of {name}, as it does when {SHARED_MEMORY.what}"
        return _told(what, SHARED_MEMORY.advice(job), _little(job, shared_memory))
    return f"a worker died of {name}."


def _by_nobody(job: Job, evidence: Evidence) -> str:
    """There are echoes alone: DeepSpeed's launcher may have seen the end of who said them before that of the first."""
    echo = evidence.failures[0]
    said = f"Another said of it: {echo.kind}: {_line(echo.message.strip(), 0)}"
    if job.world > 1 and evidence.shared_memory < _ENOUGH_SHARED:
        what = f"a worker ended without a word, as it does when {SHARED_MEMORY.what}"
        return _told(what, SHARED_MEMORY.advice(job), f"{_little(job, evidence.shared_memory)}. {said}")
    return f"a worker ended without a word; the system may have killed it (dmesg tells).\n  {said}"


def _little(job: Job, shared_memory: int) -> str:
    return f"{_SHARED_FOLDER} has {readable(shared_memory)} here, which is little for {job.world} processes"


def _signal(evidence: Evidence) -> int:
    """The signal that ended the first worker; 0: none did. DeepSpeed's launcher only tells by its log."""
    told = [int(number) for number in _LAUNCHER_SAYS.findall(evidence.log)]
    ended = [-status for status in (*evidence.statuses, *told) if status < 0]
    return next((number for number in ended if number not in _OUR_SIGNALS), 0)


def _line(text: str, at: int) -> str:
    """The line of a text in which a place is, of a readable length."""
    line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0].strip()
    return line if len(line) <= 400 else f"{line[:400]}…"


def _shared_memory() -> int:
    try:
        return shutil.disk_usage(_SHARED_FOLDER).total
    except OSError:
        return 0


def _end(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
