"""Why a training failed, and what to change: from what the workers left. The core is pure."""

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .causes import CAUSES, Cause
from .failure import Failure, read_failure
from .job import Job
from .work_folder import WorkFolder

_TAIL = 64 * 1024
"""Bytes at a log's end that are looked at."""
_LAUNCHER_SAYS = re.compile(r"exits with return code = (-?\d+)")
_ECHOES = re.compile(
    r"Connection (?:closed|reset|refused)|Broken pipe|terminated|gloo|Watchdog", re.IGNORECASE
)
"""What a worker says when another one is gone: no cause of its own."""
_OUR_SIGNALS = frozenset((signal.SIGTERM, signal.SIGINT))
"""By which the others are ended when one has failed."""
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


def gather(job: Job, folder: WorkFolder, statuses: Sequence[int]) -> Evidence:
    """Read what is there."""
    failures = [found for rank in range(job.world) if (found := read_failure(folder.failure(rank)))]
    nccl = "".join(_end(path) for path in sorted(folder.path.glob("nccl-*.log")))
    return Evidence(failures, statuses, _end(folder.log), nccl)


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
                return _told(cause.what, cause.advice(job), _line(text, match.start()))
    if killed := _signal(evidence):
        return _by_signal(job, killed)
    if own or evidence.failures:
        failure = (own or evidence.failures)[0]
        return f"the training failed: {failure.kind}: {_line(failure.message.strip(), 0)}"
    last = "\n  ".join(evidence.log.strip().splitlines()[-_LAST_LINES:])
    return f"the training failed, and its last words were:\n  {last or '(none)'}"


def _told(what: str, advice: Sequence[str], words: str) -> str:
    lines = [f"{what}.", f"  It said: {words}", "  What may help:", *(f"    {each}" for each in advice)]
    return "\n".join(lines)


def _by_signal(job: Job, number: int) -> str:
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    if number == signal.SIGKILL:
        host = next(cause for cause in CAUSES if cause.pattern.search("Cannot allocate memory"))
        what = f"a worker was killed ({name}), most often by the system for want of memory (dmesg tells)"
        return "\n".join([f"{what}.", "  What may help then:", *(f"    {each}" for each in host.advice(job))])
    if number == signal.SIGBUS:
        shared = _shared()
        return "\n".join(
            [
                f"a worker died of {name}, as it does when {shared.what}.",
                "  What may help:",
                *(f"    {each}" for each in shared.advice(job)),
            ]
        )
    return f"a worker died of {name}."


def _shared() -> Cause:
    return next(cause for cause in CAUSES if cause.pattern.search("out of shared memory"))


def _signal(evidence: Evidence) -> int:
    """The signal that ended the first worker; 0: none did. DeepSpeed's launcher only tells by its log."""
    told = [int(number) for number in _LAUNCHER_SAYS.findall(evidence.log)]
    ended = [-status for status in (*evidence.statuses, *told) if status < 0]
    return next((number for number in ended if number not in _OUR_SIGNALS), 0)


def _line(text: str, at: int) -> str:
    """The line of a text in which a place is, of a readable length."""
    line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0].strip()
    return line if len(line) <= 400 else f"{line[:400]}…"


def _end(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
