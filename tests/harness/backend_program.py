"""A stand-in for the program `pilotfish-backend`: a real process that serves /health and keeps the state file.

It lists one model, the one that it was started with, and completes everything with the same text.

    python backend_program.py BEHAVIOUR serve --state-file F ... | models --json | pull NAME

BEHAVIOUR is a file with the fields of `Behaviour` as JSON; it is read at each start. Each start appends a line to the
file `starts` beside it: what the process sees of its surroundings.
"""

import argparse
import json
import os
import secrets
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Behaviour:
    """How the program behaves; the defaults are those of a good one."""

    version: str = "999.0"
    before_listening: float = 0.0
    """Seconds until it listens and writes its record."""
    loading: float = 0.0
    """Seconds in which /health says that the model is loading."""
    exit_at_start: int | None = None
    """Exit status with which it ends before it listens."""
    load_failure: bool = False
    """Whether it ends with status 1, its record removed, when the loading is over."""
    failing: bool = False
    """Whether /health says failing for ever."""
    ignores_sigterm: bool = False
    completions: int = 200
    """Status of /v1/completions."""
    models: list[dict[str, Any]] = field(default_factory=list)
    pulled: bool = False
    """Whether a model must be pulled before it serves or counts as present."""
    pull_lines: list[str] = field(default_factory=list)
    pull_seconds: float = 0.0
    pull_status: int = 0


def main() -> int:
    """Run."""
    place = Path(sys.argv[1])
    behaviour = Behaviour(**json.loads(place.read_text()))
    if sys.argv[2] == "models":
        here = not behaviour.pulled or place.with_name("pulled").exists()
        print(
            json.dumps(
                [{**model, "present": here and model.get("present", True)} for model in behaviour.models]
            )
        )
        return 0
    if sys.argv[2] == "pull":
        return _pull(behaviour, place)
    return _serve(behaviour, place)


def _pull(behaviour: Behaviour, place: Path) -> int:
    _note(place, {"pull": sys.argv[3:]})
    for line in behaviour.pull_lines:
        sys.stdout.write(line)
        sys.stdout.flush()
    time.sleep(behaviour.pull_seconds)
    if not behaviour.pull_status:
        place.with_name("pulled").touch()
    return behaviour.pull_status


def _serve(behaviour: Behaviour, place: Path) -> int:
    options = _arguments(sys.argv[3:])
    key = sys.stdin.readline().strip()
    _note(place, {"argv": sys.argv[2:], "key": key})
    if not key:
        print("no key", flush=True)
        return 2
    if behaviour.exit_at_start is not None:
        print("this is why it ended", flush=True)
        return behaviour.exit_at_start
    if behaviour.pulled and not place.with_name("pulled").exists():
        print("the model is not here", flush=True)
        return 1
    if behaviour.ignores_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(behaviour.before_listening)
    instance, ready_at = secrets.token_hex(8), time.monotonic() + behaviour.loading
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(behaviour, options, instance, key, ready_at))
    server.daemon_threads = True
    record = {
        "pid": os.getpid(),
        "port": server.server_port,
        "api_key": key,
        "instance_id": instance,
        "model": options.model,
        "version": behaviour.version,
    }
    temporary = options.state_file.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(record))
    temporary.replace(options.state_file)
    status = [0]

    def end(code: int) -> None:
        status[0] = code
        options.state_file.unlink(missing_ok=True)
        server.shutdown()

    if not behaviour.ignores_sigterm:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end, args=(0,)).start())
    if behaviour.load_failure:
        threading.Timer(behaviour.loading, end, args=(1,)).start()
    server.serve_forever(0.05)
    return status[0]


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--host", "--model", "--engine"):
        parser.add_argument(name)
    parser.add_argument("--port", type=int)
    parser.add_argument("--idle-timeout", type=float)
    parser.add_argument("--api-key-stdin", action="store_true", required=True)
    parser.add_argument("--state-file", type=Path)
    parser.add_argument("--log-file", type=Path)
    return parser.parse_args(arguments)


def _handler(
    behaviour: Behaviour, options: argparse.Namespace, instance: str, key: str, ready_at: float
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/v1/models":
                self._answer_keyed(200, {"data": [{"id": options.model, "context_length": 2048}]})
                return
            assert "Authorization" not in self.headers  # no key for whoever it may be that answers there
            loading = behaviour.load_failure or time.monotonic() < ready_at
            state = "loading" if loading else "failing" if behaviour.failing else "ready"
            body = {
                "state": state,
                "instance_id": instance,
                "version": behaviour.version,
                "model": options.model,
                "detail": None if state == "ready" else f"it is {state}",
            }
            self._answer(200 if state == "ready" else 503, body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            choice = {"index": 0, "text": "completed()\n", "finish_reason": "stop"}
            self._answer_keyed(behaviour.completions, {"choices": [choice]})

        def _answer_keyed(self, status: int, body: object) -> None:
            known = self.headers["Authorization"] == f"Bearer {key}"
            self._answer(status if known else 401, body if known else {})

        def _answer(self, status: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _note(place: Path, more: dict[str, Any]) -> None:
    seen = {
        "pid": os.getpid(),
        "cwd": str(Path.cwd()),
        "path": sys.path,
        "environ": dict(os.environ),
        "modules": [getattr(module, "__file__", None) for module in list(sys.modules.values())],
        **more,
    }
    with place.with_name("starts").open("a") as file:
        file.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    sys.exit(main())
