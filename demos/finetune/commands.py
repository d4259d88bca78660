"""The commands that a user would type, run as programs: timed, logged, ended with us."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.programs import backend

STOP_DEADLINE = 20.0
_SHOWN_LINES = 20


class StageError(RuntimeError):
    """A part of the demonstration failed; the message says which and how."""


@dataclass(slots=True)
class Stages:
    """Runs one part after the other and keeps their seconds."""

    log: Path
    """What the programs wrote, commands included."""
    environment: Mapping[str, str]
    begun: Callable[[str], None]
    """Hears of a part that begins."""
    told: Callable[[str], None]
    """Hears of each line that a program writes meanwhile."""
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a part; several of the same name are added up."""
        self.begun(name)
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def run(self, name: str, *arguments: str | Path) -> None:
        """Run ``pilotfish-backend`` as a part of its own. Raises StageError when its status is not 0."""
        with self.stage(name):
            self._run([*backend(), *map(str, arguments)])

    def _run(self, argv: Sequence[str]) -> None:
        lines: list[str] = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(['pilotfish-backend', *argv[1:]])}\n")
            log.flush()
            process = subprocess.Popen(
                argv,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    log.write(line)
                    lines = [*lines, line.rstrip()][-_SHOWN_LINES:]
                    self.told(line.strip())
                status = process.wait()
            finally:
                _end(process)
        if status:
            shown = "\n".join(lines)
            raise StageError(f"pilotfish-backend {argv[1]} ended with {status}:\n{shown}")


def _end(process: "subprocess.Popen[str]") -> None:
    """End a program that still runs, which then ends its own."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
