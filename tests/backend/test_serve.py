"""`pilotfish-backend serve` as a process: what it tells, and how it ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

from harness.backend_process import BackendProcess, refusal
from harness.environment import isolated
from harness.programs import backend

KEY = "launcher-key-0123456789"


def test_state_file_tells_all_that_a_launcher_needs(tmp_path: Path) -> None:
    """Readable by the owner only, written when the port takes connections, gone when the server has stopped."""
    with BackendProcess(tmp_path, key=KEY) as server:
        assert server.process is not None
        state = server.state
        assert set(state) == {
            *("pid", "port", "host", "scheme", "model", "instance_id", "version", "started", "api_key")
        }
        assert state["pid"] == server.process.pid
        assert (state["host"], state["scheme"], state["api_key"]) == ("127.0.0.1", "http", KEY)
        assert abs(state["started"] - time.time()) < 60
        assert stat.S_IMODE(server.state_file.stat().st_mode) == 0o600
        with server.client() as client:
            assert client.get("/health").json()["instance_id"] == state["instance_id"]
            assert client.post("/v1/completions", json={"prompt": "x"}).status_code == 200
        with server.client(key=False) as stranger:
            assert stranger.post("/v1/completions", json={"prompt": "x"}).status_code == 401
        server.process.terminate()
        assert server.wait() == 0
        assert not server.state_file.exists()


def test_the_key_shows_nowhere(tmp_path: Path) -> None:
    """Not in the process list, not in the environment, not in the log, not on the terminal."""
    with BackendProcess(tmp_path, key=KEY) as server:
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        assert KEY not in " ".join(process.cmdline())
        assert KEY not in str(process.environ())
        with server.client() as client:
            client.post("/v1/completions", json={"prompt": "x"})
        server.process.terminate()
        assert server.wait() == 0
        assert KEY not in server.output()
        assert KEY not in server.log_file.read_text()
        assert stat.S_IMODE(server.log_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_gracefully(tmp_path: Path, number: signal.Signals) -> None:
    """What runs may finish, nothing new begins, and all is over within five seconds."""
    with BackendProcess(tmp_path) as server, server.client() as client:
        assert server.process is not None
        body = {"prompt": "x", "stream": True, "max_tokens": 200}
        with client.stream("POST", "/v1/completions", json=body) as answer:
            started = time.monotonic()
            server.process.send_signal(number)
            assert "data: [DONE]" in answer.read().decode()
        assert server.wait(5) == 0
        assert time.monotonic() - started < 5
        assert f"stopping: {number.name}" in server.log_file.read_text()
        assert "Traceback" not in server.log_file.read_text()


SLOW = """
import sys
from pathlib import Path
from pilotfish.backend.proxy.engines.memory import MemoryEngine, MemorySettings
from pilotfish.backend.proxy.log_setup import set_up_logging
from pilotfish.backend.proxy.serve import ServeOptions, serve
from pilotfish.backend.proxy.settings import Settings

class Engine(MemoryEngine):
    async def stop(self):
        {stop}
        await super().stop()

home = Path(sys.argv[1])
set_up_logging(home / "backend.log")
engine = Engine(MemorySettings({engine}))
sys.exit(serve(ServeOptions(Settings(), port=0, state_file=home / "state.json"), engine))
"""


class SlowProcess(BackendProcess):
    """The same around an engine with settings of the test's own."""

    def __init__(self, home: Path, engine: str, stop: str = "pass") -> None:
        super().__init__(home)
        self._argv = [sys.executable, "-P", "-c", SLOW.format(engine=engine, stop=stop), str(home)]


def ask_in_background(server: BackendProcess) -> threading.Thread:
    """A request whose answer nobody needs."""

    def ask() -> None:
        try:
            with server.client() as client:
                client.post("/v1/completions", json={"prompt": "x", "max_tokens": 2000})
        except httpx.HTTPError:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    with server.client() as client:
        while client.get("/health").json()["running"] == 0:
            time.sleep(0.01)
    return thread


def test_a_request_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """A completion that would take minutes does not keep the process alive for more than five seconds."""
    with SlowProcess(tmp_path, "decode_seconds=1.0") as server:
        assert server.process is not None
        thread = ask_in_background(server)
        started = time.monotonic()
        server.process.terminate()
        assert server.wait(10) == 0
        assert time.monotonic() - started < 5.5
        assert not server.state_file.exists()
        thread.join(5)


def test_the_second_signal_ends_at_once(tmp_path: Path) -> None:
    """For those who press Ctrl+C twice; the state file goes all the same."""
    with SlowProcess(tmp_path, "decode_seconds=1.0") as server:
        assert server.process is not None
        thread = ask_in_background(server)
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGINT)
        assert server.wait(10) == 128 + signal.SIGINT
        assert time.monotonic() - started < 1.5
        assert not server.state_file.exists()
        thread.join(5)


def test_an_engine_that_hangs_does_not_keep_the_process(tmp_path: Path) -> None:
    """Whatever the engine does at its end, a blocked loop included, five seconds later the process is gone."""
    with SlowProcess(tmp_path, "", stop="import time; time.sleep(60)") as server:
        assert server.process is not None
        started = time.monotonic()
        server.process.terminate()
        assert server.wait(10) == 1
        assert time.monotonic() - started < 6
        assert not server.state_file.exists()


def test_live_before_the_engine_is_ready(tmp_path: Path) -> None:
    """The port takes connections while the model loads, and a signal in that time ends as well."""
    with SlowProcess(tmp_path, "load_seconds=60") as server, server.client() as client:
        assert server.process is not None
        assert client.get("/health/live").status_code == 200
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["state"]) == (503, "loading")
        assert client.post("/v1/completions", json={"prompt": "x"}).status_code == 503
        server.process.terminate()
        assert server.wait(5) == 0
        assert "the engine serves" not in server.log_file.read_text()


def test_a_load_that_cannot_be_interrupted(tmp_path: Path) -> None:
    """A thread that reads a model of many gigabytes does not keep the process from ending."""
    server = SlowProcess(tmp_path, "")
    server._argv[3] = server._argv[3].replace(
        "class Engine(MemoryEngine):",
        "class Engine(MemoryEngine):\n"
        "    async def start(self):\n"
        "        import asyncio, time\n"
        "        await asyncio.to_thread(time.sleep, 60)\n",
    )
    with server:
        assert server.process is not None
        started = time.monotonic()
        server.process.terminate()
        assert server.wait(5) == 0
        assert time.monotonic() - started < 3
        assert not server.state_file.exists()


def test_signals_are_ours_after_the_engine_has_started(tmp_path: Path) -> None:
    """An engine that installs handlers of its own, as llama.cpp's server does, does not get our signals."""
    program = SLOW.format(engine="", stop="pass").replace(
        "class Engine(MemoryEngine):",
        "class Engine(MemoryEngine):\n"
        "    async def start(self):\n"
        "        import signal\n"
        "        signal.signal(signal.SIGTERM, lambda *_: print('taken'))\n"
        "        await super().start()\n",
    )
    server = SlowProcess(tmp_path, "")
    server._argv[3] = program
    with server, server.client() as client:
        assert server.process is not None
        while client.get("/health").status_code != 200:
            time.sleep(0.01)
        time.sleep(0.1)
        server.process.terminate()
        assert server.wait(5) == 0
        assert "taken" not in server.output()


def test_an_engine_that_does_not_start(tmp_path: Path) -> None:
    """The reason on stderr and in the log, once each; status 1, no state file left."""
    server = SlowProcess(tmp_path, "load_failure='x.gguf is damaged'")
    server.launch()
    assert server.wait() == 1
    assert server.output().count("x.gguf is damaged") == 1
    assert server.log_file.read_text().count("x.gguf is damaged") == 1
    assert not server.state_file.exists()
    server.end()


def test_killed_servers_block_nothing(tmp_path: Path) -> None:
    """After kill -9 the state file is stale; the next server replaces it, and takes only its own away."""
    with BackendProcess(tmp_path) as first:
        assert first.process is not None
        first.process.kill()
        first.wait()
        stale = first.state
        with SlowProcess(tmp_path, "") as second:
            while second.state["instance_id"] == stale["instance_id"]:
                time.sleep(0.01)
            with second.client() as client:
                assert client.get("/health").json()["instance_id"] == second.state["instance_id"]
        assert not second.state_file.exists()


def test_another_servers_state_file_stays(tmp_path: Path) -> None:
    """A server that ends after another has taken its place leaves the other's note alone."""
    with BackendProcess(tmp_path) as server:
        other = {**server.state, "instance_id": "another"}
        server.state_file.write_text(json.dumps(other))
    assert json.loads(server.state_file.read_text()) == other


def test_idle_end(tmp_path: Path) -> None:
    """Completions keep the server up; health, models and the status page do not."""
    with BackendProcess(tmp_path, "--idle-timeout", "1") as server, server.client() as client:
        started = time.monotonic()
        while time.monotonic() - started < 1.6:
            assert client.post("/v1/completions", json={"prompt": "x", "max_tokens": 1}).status_code == 200
            time.sleep(0.1)
        last = time.monotonic()
        try:
            while server.process is not None and server.process.poll() is None:
                for path in ("/health", "/v1/models", "/status.json", "/metrics"):
                    client.get(path)
                assert time.monotonic() - last < 6
                time.sleep(0.05)
        except httpx.HTTPError:
            pass
        assert server.wait() == 0
        assert 0.9 < time.monotonic() - last < 4
        assert "no request for 1 seconds" in server.log_file.read_text()


@pytest.mark.parametrize(
    ("options", "stdin", "says"),
    [
        (["--api-key-stdin"], "\n", "16 characters"),
        (["--api-key-stdin"], "short\n", "16 characters"),
        (["--api-key-stdin"], "has a space in it so no\n", "16 characters"),
        (["--api-key-file", "/nonexistent/keys.json"], "", "add NAME --api-key-file /nonexistent/keys.json"),
        (["--log-file", "/proc/absent/log"], "", "--log-file: can't write /proc/absent/log: No such"),
        (["--api-key-file", __file__], "", "is not a key file"),
        (["--tls-cert", "/nonexistent.pem"], "", "--tls-cert and --tls-key"),
        (["--tls-cert", "/nonexistent.pem", "--tls-key", "/nonexistent.key"], "", "no file /nonexistent.pem"),
        (["--host", "no.such.host.invalid"], "", "no address"),
        (["--port", "70000"], "", "'70000' is no whole number from 0 to 65535"),
        (["--port", "http"], "", "'http' is no whole number"),
        (["--parallel", "0"], "", "'0' is no whole number from 1 on"),
        (["--idle-timeout", "-1"], "", "'-1' is no number from 0 on"),
        (["--idle-timeout", "soon"], "", "'soon' is no number"),
        (["--engine", "other"], "", "invalid choice"),
    ],
)
def test_what_cannot_be_served(tmp_path: Path, options: list[str], stdin: str, says: str) -> None:
    """Status 2 and one line that says why; no traceback."""
    engine = [] if "--engine" in options else ["--engine", "memory"]
    refused = refusal(tmp_path, *engine, *options, stdin=stdin)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """The message names the port and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = refusal(tmp_path, "--engine", "memory", "--port", port)
    assert refused.returncode == 2
    assert f"127.0.0.1:{port} is in use" in refused.stderr


def test_kept_alive_requests_are_not_delayed(tmp_path: Path) -> None:
    """Nagle's algorithm and delayed acknowledgements together would cost 40 ms for each one."""
    with BackendProcess(tmp_path) as server, server.client() as client:
        took = []
        for _ in range(30):
            started = time.perf_counter()
            client.post("/v1/completions", json={"prompt": "x", "max_tokens": 1})
            took.append(time.perf_counter() - started)
        assert sorted(took)[5] < 0.03


def test_log_file_is_rotated(tmp_path: Path) -> None:
    """It does not grow without end, and old files are as private as the new one."""
    program = (
        "import logging, sys; from pathlib import Path; from pilotfish.backend.proxy.log_setup import set_up_logging;"
        "set_up_logging(Path(sys.argv[1]));"
        "[logging.getLogger('x').info('%s', 'y' * 1000) for _ in range(6000)]"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", program, str(tmp_path / "logs" / "x.log")], check=True, timeout=60
    )
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["x.log", "x.log.1", "x.log.2", "x.log.3"]
    assert sum(file.stat().st_size for file in files) < 5 * 2**20
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_without_the_server_extra(tmp_path: Path) -> None:
    """A plain installation says which command brings what is missing."""
    blocked = tmp_path / "blocked"
    for name in ("fastapi", "uvicorn", "xllamacpp"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text(
            f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')"
        )
    program = "import sys; from pilotfish.backend.__main__ import main; sys.exit(main(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", program, "serve", "--engine", "memory", "--port", "0"],
        env=isolated(tmp_path, PYTHONPATH=str(blocked)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 2
    assert "pip install 'pilotfish[server]'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_version(tmp_path: Path) -> None:
    """The installed distribution's."""
    ran = subprocess.run(
        [*backend(), "--version"],
        env=isolated(tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    name, version = ran.stdout.split()
    assert name == "pilotfish-backend"
    assert version[0].isdigit()


def test_no_orphans(tmp_path: Path) -> None:
    """A server has no children, and its port is free after its end."""
    with BackendProcess(tmp_path) as server:
        assert server.process is not None
        assert psutil.Process(server.process.pid).children() == []
        port = server.state["port"]
    with socket.create_server(("127.0.0.1", port)):
        assert not psutil.pid_exists(server.process.pid) or os.name != "posix"
