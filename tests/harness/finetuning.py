"""Trainings as a user starts them: a tiny base, a small data set, the real command, and what may be done to it."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

DEADLINE = 300.0
"""Seconds for a training of a few steps, DeepSpeed's compiler included, on a machine that does other things too."""
SHORT = ("--block-size", "64", "--batch-size", "4", "--learning-rate", "1e-3", "--max-steps", "8")
"""A training of eight steps."""
SOURCES = ("bisect", "colorsys", "copy", "fnmatch", "keyword", "linecache", "queue", "sched", "shlex", "stat")
"""Modules of Python itself, whose sources the data set is made of."""


def write_data(folder: Path, *, sources: Sequence[str] = SOURCES, held_out: int = 2) -> Path:
    """A data set as `dataset build` writes it; the last sources are the validation files."""
    folder.mkdir(parents=True)
    library = Path(sysconfig.get_path("stdlib"))
    rows = []
    for name in sources:
        text = (library / f"{name}.py").read_text("utf-8")
        rows.append({"text": f"# Path: lib/{name}.py\n{text}", "path": f"lib/{name}.py", "repo": "python"})
    for name, part in (("train", rows[: len(rows) - held_out]), ("validation", rows[len(rows) - held_out :])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), "utf-8")
    return folder


def command(base: Path, data: Path, out: Path, *more: str) -> list[str]:
    """What a user types."""
    program = [sys.executable, "-P", "-m", "pilotfish.backend", "finetune", str(base)]
    return [*program, "--data", str(data), "--out", str(out), *more]


@dataclass(frozen=True, slots=True)
class Done:
    """A training that has ended."""

    status: int = 0
    said: str = ""
    """On standard error."""


class Training:
    """A running training. Leaving the context ends whatever is left of it."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self._argv = list(argv)
        self._cwd = cwd or Path(os.sep)
        self._env = dict(env) if env is not None else None
        self.out = Path(self._argv[self._argv.index("--out") + 1])

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._argv,
            stderr=subprocess.PIPE,
            text=True,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.family():
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.kill()
        self.process.communicate()

    def family(self) -> list[psutil.Process]:
        """All processes below the command."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Those of them that train, and not the launchers between."""
        found = []
        for each in self.family():
            argv = each.cmdline()
            if "pilotfish.backend.finetune.worker" in argv and not any("launcher" in word for word in argv):
                found.append(each)
        return found

    def wait(self) -> Done:
        """Wait for its end. Raises ``AssertionError`` after the deadline."""
        try:
            _, said = self.process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not done within {DEADLINE} s; {self._log()}") from None
        return Done(self.process.returncode, said)

    def until(self, condition: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until its events are as wanted. Raises ``AssertionError`` if it ends before, or after the deadline."""
        end = time.monotonic() + DEADLINE
        while True:
            ended = self.process.poll() is not None
            events = self.events()
            if condition(events):
                return events
            assert not ended, f"it ended before: {self.wait()}"
            assert time.monotonic() < end, f"waited {DEADLINE} s; {self._log()}"
            time.sleep(0.02)

    def events(self) -> list[dict[str, Any]]:
        """What its first worker has told so far."""
        try:
            text = (self.out / "checkpoints" / "events.jsonl").read_text("utf-8")
        except OSError:
            return []
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def interrupt(self) -> None:
        """Ctrl+C at the terminal, as the command gets it."""
        self.process.send_signal(signal.SIGINT)

    def _log(self) -> str:
        log = self.out / "checkpoints" / "workers.log"
        return log.read_text("utf-8", "replace")[-2000:] if log.exists() else "no log"


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Done:
    """Run a training to its end."""
    with Training(argv, env=env, cwd=cwd) as training:
        return training.wait()


def saved(*numbers: int) -> Callable[[Sequence[Mapping[str, Any]]], bool]:
    """A condition on events: these checkpoints are whole."""

    def condition(events: Sequence[Mapping[str, Any]]) -> bool:
        return set(numbers) <= {event["step"] for event in events if event["kind"] == "saved"}

    return condition


def steps(events: Sequence[Mapping[str, Any]]) -> list[int]:
    """The steps that were told."""
    return [event["step"] for event in events if event["kind"] == "step"]


def record(out: Path) -> dict[str, Any]:
    """training.json of a tuned model."""
    found: dict[str, Any] = json.loads((out / "training.json").read_text("utf-8"))
    return found


def losses(out: Path) -> list[float]:
    """Of each step."""
    return [step["loss"] for step in record(out)["steps"]]


def all_gone(processes: Sequence[psutil.Process], *, seconds: float = 60.0) -> bool:
    """Whether they all end within that time."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]
