"""A real Triton server as a child process, as ``make triton`` installs it: started, killed, frozen, restarted.

Blocks, so an async test calls it in a thread. Ready in about half a second.
"""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import pytest

PROGRAM = Path(__file__).parents[2] / ".triton" / "tritonserver"
READY_DEADLINE = 30.0
STOP_DEADLINE = 10.0
SHARED_MEMORY = Path("/dev/shm")


def missing() -> str | None:
    """Why there is no Triton here and what to do; None if there is one."""
    if PROGRAM.with_name("installed").exists():
        return None
    return "no Triton server in .triton: `make triton` installs one (Linux on x86-64)"


class TritonError(RuntimeError):
    """The server ended, or was not ready in time; the message ends with the last lines of its log."""


class TritonProcess:
    """One server in front of a model repository. Use it in ``with``, or start and close it.

    ``config_name`` picks ``configs/NAME.pbtxt`` instead of ``config.pbtxt``. ``control`` lets models be loaded and
    unloaded; all are loaded at the start. The ports are free ones and stay the same over a restart.
    """

    def __init__(
        self,
        repository: Path,
        *,
        config_name: str | None = None,
        control: bool = False,
        arguments: Sequence[str] = (),
        exit_timeout: int = 1,
        log: Path | None = None,
    ) -> None:
        self.repository = repository
        self.log = log or repository.with_name(f"{repository.name}-{secrets.token_hex(4)}.log")
        self._arguments = [
            f"--model-repository={repository}",
            f"--model-control-mode={'explicit' if control else 'none'}",
            *(["--load-model=*"] if control else []),
            *([f"--model-config-name={config_name}"] if config_name else []),
            "--disable-auto-complete-config",
            f"--exit-timeout-secs={exit_timeout}",
            "--allow-gpu-metrics=false",
            "--backend-config=python,stub-timeout-seconds=30",
            *(f"--{service}-address=127.0.0.1" for service in ("http", "grpc", "metrics")),
            *arguments,
        ]
        self._ports: tuple[int, int, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._shared_memory = ""

    @property
    def url(self) -> str:
        """HOST:PORT of the gRPC service, which is what the proxy is given. Known once it was started."""
        return f"127.0.0.1:{self._port(1)}"

    @property
    def http_url(self) -> str:
        """Root URL of Triton's own HTTP service."""
        return f"http://127.0.0.1:{self._port(0)}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would read."""
        return f"http://127.0.0.1:{self._port(2)}/metrics"

    @property
    def pid(self) -> int:
        """The server's process id; RuntimeError when it is not running."""
        return self._running().pid

    def start(self) -> Self:
        """Start and wait until it is ready; skips the test where no Triton is installed. Raises TritonError."""
        if self._ports is not None:
            self.launch()
            return self.wait_ready()
        for attempt in range(5):
            self._ports = free_ports()
            self.launch()
            try:
                return self.wait_ready()
            except TritonError:
                taken = "failed to start" in self.log_text() or "in use" in self.log_text()
                if not taken or attempt == 4:
                    raise
        raise AssertionError("unreachable")

    def launch(self) -> None:
        """Start without waiting."""
        reason = missing()
        if reason is not None:
            pytest.skip(reason)
        assert self._process is None, "it is running"
        self._ports = self._ports or free_ports()
        # The stubs' shared memory by a name of our own, so that a killed server's can be taken away.
        self._shared_memory = f"pilotfish_test_{secrets.token_hex(6)}_"
        http_port, grpc_port, metrics_port = self._ports
        argv = [
            str(PROGRAM),
            *self._arguments,
            f"--backend-config=python,shm-region-prefix-name={self._shared_memory}",
            f"--http-port={http_port}",
            f"--grpc-port={grpc_port}",
            f"--metrics-port={metrics_port}",
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        # Kills the server and its stubs, which are of its group, and takes away their shared memory, if this process
        # ends without having done so: then its standard input ends.
        end = 'read _; kill -s KILL -- "-$1"; sleep 0.2; rm -f -- "$2"*'
        watch = ["sh", "-c", end, "sh", str(self._process.pid), str(SHARED_MEMORY / self._shared_memory)]
        self._watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)

    def wait_ready(self) -> Self:
        """Wait until every model is ready. Raises TritonError, and then nothing is running any more."""
        process = self._running()
        deadline = time.monotonic() + READY_DEADLINE
        while time.monotonic() < deadline:
            if self.answers("/v2/health/ready"):
                return self
            if process.poll() is not None:
                break
            time.sleep(0.02)
        state = "was not ready in time" if process.poll() is None else f"ended with {process.returncode}"
        self.kill()
        # Without the tables of options, which are many lines wide and long.
        lines = [line for line in self.log_text().splitlines() if not line.startswith(("|", "+"))]
        tail = "\n".join(lines[-20:])
        raise TritonError(f"Triton {state}:\n{tail}")

    def stop(self) -> None:
        """End it as a service manager would; requests in flight have the exit time-out. Does nothing twice."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_DEADLINE)
        self.kill()

    def kill(self) -> None:
        """Kill -9 the server, then what it leaves: its stubs and their shared memory. Does nothing twice."""
        process, self._process = self._process, None
        if process is None:
            return
        stubs = stubs_of(process.pid)
        process.kill()
        process.wait(STOP_DEADLINE)
        for stub in stubs:
            with contextlib.suppress(psutil.NoSuchProcess):
                stub.kill()
        await_ended(stubs)
        for left in SHARED_MEMORY.glob(f"{self._shared_memory}*"):
            left.unlink(missing_ok=True)
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.wait(STOP_DEADLINE)
            assert self._watcher.stdin is not None
            self._watcher.stdin.close()

    def restart(self) -> Self:
        """Kill and start again on the same ports."""
        self.kill()
        return self.start()

    def freeze(self) -> None:
        """Stop the server in its tracks: connections stay open and nothing is answered."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after ``freeze``."""
        self._running().send_signal(signal.SIGCONT)

    def stubs(self) -> list[int]:
        """Process ids of the Python backend's stubs, one for each instance of a model."""
        return [stub.pid for stub in stubs_of(self.pid)]

    def kill_stubs(self) -> None:
        """Kill -9 all stubs, as the kernel does when memory is short; the server stays."""
        for pid in self.stubs():
            os.kill(pid, signal.SIGKILL)

    def load(self, model: str) -> None:
        """Load a model, from the repository as it is now. Needs ``control``. Raises TritonError."""
        self._request("POST", f"/v2/repository/models/{model}/load")

    def unload(self, model: str) -> None:
        """Take a model away. Needs ``control``. Raises TritonError."""
        self._request("POST", f"/v2/repository/models/{model}/unload")

    def answers(self, path: str) -> bool:
        """Whether a GET of the HTTP service succeeds."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port(0), timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def statistics(self, model: str) -> dict[str, Any]:
        """Triton's own counts for a model."""
        (statistics,) = self._request("GET", f"/v2/models/{model}/stats")["model_stats"]
        assert isinstance(statistics, dict)
        return statistics

    def index(self) -> list[dict[str, Any]]:
        """The models with their states: name, version, state, reason."""
        index = self._request("POST", "/v2/repository/index")
        assert isinstance(index, list)
        return index

    def log_text(self) -> str:
        """Everything that it has logged, earlier starts included."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def _request(self, method: str, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port(0), timeout=READY_DEADLINE)
        try:
            connection.request(method, path, body="{}" if method == "POST" else None)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise TritonError(body.decode(errors="replace"))
        return json.loads(body or b"null")

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("Triton is not running")
        return self._process

    def _port(self, index: int) -> int:
        if self._ports is None:
            raise RuntimeError("Triton was never started")
        return self._ports[index]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Nothing is lost with a test's server, and a kind stop takes seconds.
        self.kill()


def stubs_of(pid: int) -> list[psutil.Process]:
    """The stub processes of a server."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [child for child in children if "triton_python_backend_stub" in " ".join(_argv(child))]


def await_ended(processes: Sequence[psutil.Process]) -> None:
    """Wait until they have ended; not until somebody else has collected them. Raises TimeoutError."""
    deadline = time.monotonic() + STOP_DEADLINE
    while any(map(_lives, processes)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still there: {processes}")
        time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _argv(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def free_ports() -> tuple[int, int, int]:
    """Three ports that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for some in sockets:
            some.bind(("127.0.0.1", 0))
        one, two, three = (some.getsockname()[1] for some in sockets)
    return one, two, three
