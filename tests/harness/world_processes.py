"""The processes of one `World`, found by a variable in their environment, whoever started them."""

import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

import psutil

MARKER = "EDITOR_WORLD"
"""The variable; not PILOTFISH_…, which the language server would take for a setting."""


@dataclass(frozen=True, slots=True)
class WorldProcess:
    """A process as it was when it was looked at."""

    pid: int
    name: str
    """Of the program, or of the script that an interpreter runs."""
    arguments: tuple[str, ...]

    @property
    def is_language_server(self) -> bool:
        """Whether an editor started it to speak LSP."""
        return self.name == "pilotfish"

    @property
    def is_backend(self) -> bool:
        """Whether it serves a model."""
        return self.name == "pilotfish-backend"


def processes_of(environment: Mapping[str, str]) -> list[WorldProcess]:
    """All that runs and carries this environment's marker, oldest first."""
    found: list[tuple[float, WorldProcess]] = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == environment[MARKER]:
                arguments = tuple(process.cmdline())
                if process.status() != psutil.STATUS_ZOMBIE and arguments:
                    found.append((process.create_time(), _described(process.pid, arguments)))
        except psutil.Error:
            continue  # ended meanwhile, or somebody else's
    return [process for _, process in sorted(found, key=lambda pair: pair[0])]


def end(processes: Iterable[WorldProcess], *, seconds: float = 10.0) -> None:
    """End them by their pids: SIGTERM, and SIGKILL for what is there after that time."""
    running = []
    for process in processes:
        try:
            running.append(psutil.Process(process.pid))
        except psutil.NoSuchProcess:
            continue
    _send(running, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while running and time.monotonic() < deadline:
        running = [process for process in running if _runs(process)]
        time.sleep(0.02)
    _send(running, signal.SIGKILL)
    psutil.wait_procs(running, timeout=5)


def _described(pid: int, arguments: tuple[str, ...]) -> WorldProcess:
    # `python [-P] /…/bin/pilotfish …`: the script says what it is.
    names = [PurePath(argument).name for argument in arguments[:4]]
    ours = [name for name in names if name in {"pilotfish", "pilotfish-backend"}]
    return WorldProcess(pid, ours[0] if ours else names[0], arguments)


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
