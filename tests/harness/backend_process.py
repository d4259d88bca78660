"""The backend as a process of its own, started as a launcher starts it, with the in-memory engine."""

import atexit
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from harness.environment import isolated
from harness.programs import backend

DEADLINE = 15.0


class BackendProcess:
    """`serve` with a state file and a log file under `home`; use it in `with`, which ends it."""

    def __init__(
        self,
        home: Path,
        *options: str,
        key: str | None = None,
        engine: str = "memory",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.state_file = home / "state.json"
        self.log_file = home / "backend.log"
        self._home = home
        self._key = key
        self._argv = [*backend(), "serve", "--engine", engine, "--port", "0"]
        self._argv += ["--state-file", str(self.state_file), "--log-file", str(self.log_file)]
        self._argv += [*(["--api-key-stdin"] if key else []), *options]
        self._environment = dict(environment or {})
        self.process: subprocess.Popen[str] | None = None
        # An interrupt may keep pytest from taking everything down.
        atexit.register(self.end)

    def start(self) -> Self:
        """Start, and wait until it says where it is."""
        self.launch()
        self.wait_for_state()
        return self

    def launch(self) -> subprocess.Popen[str]:
        """Start without waiting."""
        self.process = subprocess.Popen(
            self._argv,
            env=isolated(self._home, **self._environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._home,
        )
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{self._key or ''}\n")
            self.process.stdin.close()
        self.process.stdin = None  # or Popen would try to flush it once more
        return self.process

    def wait_for_state(self) -> dict[str, Any]:
        """The state file's content. Raises AssertionError if there is none in time."""
        end = time.monotonic() + DEADLINE
        while not self.state_file.exists():
            assert self.process is not None
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < end, "no state file"
            time.sleep(0.01)
        return self.state

    @property
    def state(self) -> dict[str, Any]:
        """What the state file says."""
        state: dict[str, Any] = json.loads(self.state_file.read_text())
        return state

    @property
    def url(self) -> str:
        """Root of its URLs."""
        return "{scheme}://{host}:{port}".format(**self.state)

    def client(self, *, key: bool = True, verify: Any = True) -> httpx.Client:
        """A client of it, with the key it was started with."""
        headers = {"authorization": f"Bearer {self._key}"} if self._key and key else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, verify=verify, timeout=10)

    def wait(self, seconds: float = DEADLINE) -> int:
        """Its exit status. Raises subprocess.TimeoutExpired."""
        assert self.process is not None
        return self.process.wait(seconds)

    def output(self) -> str:
        """What it wrote to stdout and stderr, when it has ended."""
        assert self.process is not None
        return "".join(self.process.communicate(timeout=DEADLINE))

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End it if it has not ended, by its pid."""
        atexit.unregister(self.end)
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(DEADLINE)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def refusal(home: Path, *options: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `serve` with options with which it can't."""
    argv: Sequence[str] = [*backend(), "serve", "--port", "0", *options]
    return subprocess.run(
        argv, env=isolated(home), input=stdin, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
