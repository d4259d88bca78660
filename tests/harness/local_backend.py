"""What tests of the launcher share: a stand-in for the backend's program, and a place where it leaves its traces."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.backend_program import Behaviour
from harness.environment import isolated
from pilotfish.lsp.launcher import Launcher, Recipe
from pilotfish.lsp.processes import is_running

PROGRAM = Path(__file__).with_name("backend_program.py")
TINY = {"name": "tiny", "size": 98_000_000, "licence": "Apache-2.0"}
"""A model that the stand-in lists."""


@dataclass
class LocalBackends:
    """One user's local backends, all of them stand-ins."""

    folder: Path

    def behave(self, **fields: object) -> None:
        """Set how backends that are started from now on behave; see `Behaviour`."""
        (self.folder / "behaviour.json").write_text(json.dumps(asdict(replace(Behaviour(), **fields))))  # type: ignore[arg-type]

    @property
    def command(self) -> tuple[str, ...]:
        """How the stand-in is called."""
        return (sys.executable, str(PROGRAM), str(self.folder / "behaviour.json"))

    @property
    def state(self) -> Path:
        """Where state files and logs are."""
        return self.folder / "state"

    def recipe(self, **changes: Any) -> Recipe:
        """What a window passes to its launcher."""
        recipe = Recipe(
            model="tiny",
            environ=isolated(self.folder / "home"),
            state=self.state,
            logs=self.folder / "logs",
            command=self.command,
            start_timeout=20,
            stop_timeout=5,
        )
        return replace(recipe, **changes)

    def launcher(self, **changes: Any) -> Launcher:
        """One window's launcher."""
        return Launcher(self.recipe(**changes))

    @property
    def starts(self) -> list[dict[str, Any]]:
        """What each start of the program saw, in order."""
        with suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.folder / "starts").read_text().splitlines()]
        return []

    @property
    def running(self) -> list[int]:
        """The pids of the backends that run."""
        return [start["pid"] for start in self.starts if is_running(start["pid"])]

    def trace(self, kind: str) -> Path:
        """The state file of one kind (json, lock, starting, stopped, crashes); there need not be one."""
        found = list(self.state.glob(f"*.{kind}"))
        assert len(found) <= 1
        return found[0] if found else self.state / f"no.{kind}"


@contextmanager
def local_backends(folder: Path) -> Iterator[LocalBackends]:
    """Have stand-ins in a folder of their own; whatever was started is gone afterwards."""
    backends = LocalBackends(folder)
    backends.behave()
    try:
        yield backends
    finally:
        for pid in backends.running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def kill(pid: int) -> None:
    """End a process the hard way and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def window_process(backends: LocalBackends, action: str = "ensure") -> subprocess.Popen[str]:
    """Another editor window: a process of its own with a launcher; prints the backend's pid or the error."""
    code = f"""
import asyncio, sys
from pathlib import Path
from pilotfish.lsp.launcher import Launcher, Recipe
from pilotfish.lsp.launcher_errors import LauncherError
async def main():
    try:
        found = await Launcher(Recipe(model="tiny", state=Path({str(backends.state)!r}),
            logs=Path({str(backends.folder / "logs")!r}), command={backends.command!r})).{action}()
        print(found if isinstance(found, bool) else found.pid, flush=True)
    except LauncherError as error:
        print(type(error).__name__, flush=True)
asyncio.run(main())
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def kill_window(process: subprocess.Popen[str]) -> None:
    """Kill -9 for an editor's language server."""
    process.kill()
    process.communicate(timeout=10)
