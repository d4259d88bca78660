"""One fresh user with a home, a project and nothing else: what each test of a real editor starts from."""

import atexit
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from platformdirs import user_cache_path

from harness.installed_editors import user_environment
from harness.terminal import Terminal
from harness.world_processes import MARKER, WorldProcess, end, processes_of
from pilotfish.lsp.statefile import read_record

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
LEAVING = 15.0
"""Seconds that a language server may take to end after its editor."""
_COUNTED = re.compile(
    r'^pilotfish_requests_total\{route="/v1/completions".*?\} (\S+)$|^pilotfish_(?:running|waiting) (\S+)$',
    re.M,
)


@dataclass(frozen=True, slots=True)
class LocalBackend:
    """The local backend that runs."""

    pid: int
    url: str
    key: str = field(repr=False)


class World:
    """A user's home and project in a folder, and all that runs for them. Use it in `with`.

    ``home`` has the environment of the README's Install at its usual place, and the model; ``env`` has nothing of ours
    on PATH. ``witnesses`` are asked what they see when a wait fails: a driver of an editor adds one.
    """

    def __init__(self, folder: Path) -> None:
        installed = user_environment()
        self.home = folder / "home"
        self.project = folder / "project"
        self.bin = self.home / ".local/share/pilotfish/bin"
        self.env: dict[str, str] = {
            "HOME": str(self.home),
            "PATH": SYSTEM_PATH,
            "LANG": "C.UTF-8",
            "TERM": "tmux-256color",
            "COLORTERM": "truecolor",
            "SHELL": "/bin/sh",
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_DATA_HOME": str(self.home / ".local/share"),
            "XDG_STATE_HOME": str(self.home / ".local/state"),
            "XDG_RUNTIME_DIR": str(self.home / ".run"),
            "TMPDIR": str(self.home / ".tmp"),
            MARKER: uuid.uuid4().hex,
        }
        for name, place in self.env.items():
            if name == "HOME" or name.startswith("XDG_") or name == "TMPDIR":
                Path(place).mkdir(parents=True, mode=0o700, exist_ok=True)
        (self.project / ".git").mkdir(parents=True)
        self.bin.parent.symlink_to(installed)
        models = self.home / ".cache/pilotfish/models"
        models.parent.mkdir()
        models.symlink_to(user_cache_path("pilotfish") / "models")
        self.witnesses: list[Callable[[], str]] = []
        self._terminals: list[Terminal] = []
        # An interrupt may keep pytest from taking everything down.
        atexit.register(self._end_all)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project, byte for byte; its path."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name: str) -> bytes:
        """Read a file of the project."""
        return (self.project / name).read_bytes()

    def holds_file(self, name: str, content: bytes) -> bool:
        """Whether a file is on disk and holds exactly this; an editor that saves beside has it away for a moment."""
        try:
            return self.read(name) == content
        except FileNotFoundError:
            return False

    def shell(self, line: str, *, seconds: float = 60.0) -> str:
        """Run a line as the user types it into a shell in the home folder; what it printed (AssertionError)."""
        ran = subprocess.run(
            ["/bin/sh", "-c", line],
            env=self.env,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert ran.returncode == 0, f"{line}: exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def terminal(self, argv: Sequence[str | Path], *, columns: int = 100, rows: int = 30) -> Terminal:
        """Start a program in a terminal of its own, in the project; it is closed with the world at the latest."""
        terminal = Terminal(argv, env=self.env, cwd=self.project, columns=columns, rows=rows)
        self._terminals.append(terminal)
        self.witnesses.append(terminal.description)
        return terminal

    def local_backend(self) -> LocalBackend | None:
        """The local backend that the state file names, if that process runs; of several the newest."""
        pids = {process.pid for process in self.processes() if process.is_backend}
        state = self.home / ".local/state/pilotfish"
        files = sorted(state.glob("*.json"), key=lambda path: path.stat().st_mtime) if state.exists() else []
        for path in reversed(files):
            record = read_record(path)
            if record and record.pid in pids:
                return LocalBackend(record.pid, record.url, record.api_key.reveal())
        return None

    def completions(self) -> int:
        """How many completion requests have reached the local backend so far, warm-ups and cancelled ones included."""
        backend = self.local_backend()
        return completions_at(backend.url, backend.key) if backend else 0

    def kill_backend(self) -> int:
        """End the local backend by SIGKILL; its pid. Raises AssertionError when there is none."""
        backend = self.local_backend()
        assert backend, "there is no local backend to kill"
        os.kill(backend.pid, signal.SIGKILL)
        return backend.pid

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Poll until the condition holds. Raises AssertionError with all that can be seen and read at that moment."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:g} s for {what}\n{self.report()}")
            time.sleep(0.02)

    def holds(self, condition: Callable[[], object], what: str, seconds: float) -> None:
        """Watch that a condition holds all that time. Raises AssertionError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert condition(), f"no longer: {what}\n{self.report()}"
            time.sleep(0.02)

    def processes(self, *, without: Sequence[str] = ()) -> list[WorldProcess]:
        """What runs for this user, oldest first, whoever started it; ``without`` are names to leave out."""
        return [process for process in processes_of(self.env) if process.name not in {*without, "tmux"}]

    def report(self) -> str:
        """What can be seen of this world, for the message of a failed test."""
        running = [f"{process.pid} {' '.join(process.arguments)[:160]}" for process in self.processes()]
        logs = sorted(path for path in self.home.rglob("*.log") if path.is_file())
        parts = [witness() for witness in self.witnesses]
        parts.append("processes:\n" + "\n".join(running))
        parts += [f"{path.relative_to(self.home)}:\n{_tail(path)}" for path in logs]
        return "\n\n".join(parts)

    def close(self, *, leaving: float = LEAVING) -> None:
        """End everything by its pid. Raises AssertionError for a language server or unnamed backend that was left.

        A local backend that its state file names is meant to outlive editors; it only ends here.
        """
        self._close_terminals()
        deadline = time.monotonic() + leaving
        while (left := self._left_over()) and time.monotonic() < deadline:
            time.sleep(0.05)
        report = self.report() if left else ""
        self._end_all()
        names = [f"{process.name} {process.pid}" for process in left]
        assert not left, f"left after the editors had ended: {', '.join(names)}\n{report}"

    def _close_terminals(self) -> None:
        for terminal in self._terminals:
            terminal.close()

    def _end_all(self) -> None:
        self._close_terminals()
        end(self.processes())
        atexit.unregister(self._end_all)

    def _left_over(self) -> list[WorldProcess]:
        named = self.local_backend()
        return [
            process
            for process in self.processes()
            if process.is_language_server or (process.is_backend and (not named or process.pid != named.pid))
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        # The failure of the test itself says more than what it left behind.
        self._end_all()


def completions_at(url: str, key: str) -> int:
    """How many completion requests have reached a backend: those answered, running and waiting."""
    answer = httpx.get(
        f"{url}/metrics", headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30
    )
    answer.raise_for_status()
    return int(sum(float(done or now) for done, now in _COUNTED.findall(answer.text)))


@contextmanager
def fresh_world(folder: Path) -> Iterator[World]:
    """Make a world for a test or a module's tests."""
    with World(folder) as world:
        yield world


def _tail(path: Path, size: int = 3000) -> str:
    return path.read_bytes()[-size:].decode(errors="replace")
