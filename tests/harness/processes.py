"""Programs that the tests start: ready by a line on stdout, ended by their pid, each wait with a deadline."""

import asyncio
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from harness.environment import with_harness
from harness.mock_behaviour import Call

HERE = Path(__file__).parent
START_DEADLINE = 30.0
STOP_DEADLINE = 5.0


class NotReadyError(RuntimeError):
    """A program ended, or said nothing, before its deadline."""


class Program:
    """A child process that prints one JSON line when it is ready. Use it in `with` or `async with`."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self._argv = list(argv)
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """Process id; RuntimeError before start."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def launch(self) -> subprocess.Popen[bytes]:
        """Start without waiting for anything."""
        # A pipe as stdin: its end tells the program that we are gone, however we went.
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._env, cwd=os.sep
        )
        return self._process

    def start(self) -> Self:
        """Start and wait for the line. Raises NotReadyError."""
        line = self._first_line(self.launch())
        if line is None:
            self.stop()
            message = f"{self._argv[0]} was not ready within {START_DEADLINE} s"
            raise NotReadyError(message)
        self.ready = json.loads(line)
        return self

    def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL after STOP_DEADLINE. Does nothing when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_DEADLINE)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _first_line(self, process: subprocess.Popen[bytes]) -> bytes | None:
        assert process.stdout is not None
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(
            target=lambda out: lines.put(out.readline()), args=(process.stdout,), daemon=True
        ).start()
        try:
            return lines.get(timeout=START_DEADLINE) or None
        except queue.Empty:
            return None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


class MockBackend(Program):
    """The mock backend, and its control endpoint. A control call takes about two milliseconds and blocks."""

    def __init__(self, *, port: int = 0, tls: tuple[Path, Path] | None = None) -> None:
        argv = [sys.executable, "-P", str(HERE / "mock_openai.py"), "--until-eof", "--port", str(port)]
        if tls is not None:
            argv += ["--tls-cert", str(tls[0]), "--tls-key", str(tls[1])]
        super().__init__(argv, env=with_harness(os.environ))
        self._http: httpx.Client | None = None

    @property
    def url(self) -> str:
        """Root URL, without `/v1`."""
        return str(self.ready["url"])

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.ready["port"])

    def start(self) -> Self:
        """Start and wait until it listens."""
        super().start()
        # The certificate of a TLS mock is the tests' own affair, and the environment's proxies are nobody's.
        self._http = httpx.Client(base_url=self.url, trust_env=False, verify=False, timeout=10)
        return self

    def stop(self) -> None:
        """Close the control connection and end the process."""
        if self._http is not None:
            self._http.close()
            self._http = None
        super().stop()

    def configure(self, **behaviour: object) -> None:
        """Change fields of `mock_behaviour.Behaviour` for the requests that follow."""
        self._control("POST", "/mock/behaviour", behaviour)

    def reset(self) -> None:
        """Default behaviour and an empty log."""
        self._control("POST", "/mock/reset")

    def log(self) -> list[Call]:
        """Every request so far, in order of arrival."""
        return [Call(**call) for call in self._control("GET", "/mock/log")["calls"]]

    def completions(self) -> list[Call]:
        """The completion requests so far that generate something."""
        return [call for call in self.log() if generates(call)]

    async def wait_for(
        self, condition: Callable[[list[Call]], bool], *, deadline: float = 10.0, what: str = "the mock's log"
    ) -> list[Call]:
        """Poll the log until `condition` holds; the log. Raises AssertionError after `deadline` seconds."""
        end = time.monotonic() + deadline
        while True:
            calls = await asyncio.to_thread(self.log)
            if condition(calls):
                return calls
            assert time.monotonic() < end, f"waited {deadline} s for {what}; {summary(calls)}"
            await asyncio.sleep(0.01)

    async def asked(self, count: int = 1) -> list[Call]:
        """Wait until that many completion requests have come; all of them. Raises AssertionError."""

        def enough(calls: list[Call]) -> bool:
            return sum(map(generates, calls)) >= count

        return [call for call in await self.wait_for(enough, what=f"{count} completions") if generates(call)]

    async def closed(self, number: int, *, deadline: float = 10.0) -> Call:
        """Wait until the client has closed the connection of call `number`; that call (AssertionError)."""

        def gone(calls: list[Call]) -> bool:
            return any(call.id == number and call.disconnected is not None for call in calls)

        calls = await self.wait_for(gone, deadline=deadline, what=f"the end of call {number}")
        return next(call for call in calls if call.id == number)

    def _control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        assert self._http is not None, "the mock is not running"
        response = self._http.request(method, path, json=body)
        if response.status_code != 200:
            raise ValueError(response.json()["error"]["message"])
        answer: dict[str, Any] = response.json()
        return answer


def generates(call: Call) -> bool:
    """Whether a logged request is a completion that asks for text (a warm-up asks for none)."""
    asks = isinstance(call.body, dict) and call.body.get("max_tokens") != 0
    return call.path.endswith("/completions") and asks


def summary(calls: Sequence[Call]) -> str:
    """A log in a line, for assertion messages; without texts, which can be long."""
    return ", ".join(f"{call.id} {call.path} {call.status} {call.outcome}" for call in calls) or "no requests"


def free_port() -> int:
    """A port on which nothing listens at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
