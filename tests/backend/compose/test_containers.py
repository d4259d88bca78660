"""The containers' own commands, run on this host as their containers would run them: with a real Triton."""

import contextlib
import http.client
import io
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backend.compose.conftest import free_port
from backend.compose.host import Host
from backend.compose.judge import needs_compose, resolved
from harness.environment import isolated
from harness.programs import script
from harness.triton import TritonProcess
from pilotfish.backend.compose.folder import read_team
from pilotfish.backend.proxy import keys

DEADLINE = 40.0
PORTS = ("--http-port", "--grpc-port", "--metrics-port")

pytestmark = needs_compose


@dataclass
class Team:
    """A team backend whose containers run as processes."""

    services: Mapping[str, Any]
    folder: Path
    port: int
    key: str
    metrics_key: str
    triton: TritonProcess

    def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> tuple[int, bytes]:
        """A request to the API; its status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def on_host(service: Mapping[str, Any], command: list[str]) -> list[str]:
    """A command with the folders of this host in the places where the container sees them."""
    mounts = {mount["target"]: mount["source"] for mount in service["volumes"]}
    found = []
    for word in command:
        option, equals, value = word.rpartition("=")
        target = next(
            (target for target in mounts if value == target or value.startswith(f"{target}/")), None
        )
        found.append(f"{option}{equals}{mounts[target]}{value.removeprefix(target)}" if target else word)
    return found


@pytest.fixture(scope="module")
def team(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Made by `init`; Triton and the proxy started by what Compose makes of the file."""
    host = Host(tmp_path_factory.mktemp("containers"))
    host.install_docker()
    port = free_port()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = host.run(
            "init", "--model", converted, "--backend", "cpu", "--port", str(port), "--monitoring", "--yes"
        )
    assert status == 0
    services = resolved(host.team)["services"]
    triton = TritonProcess(converted, log=host.root / "triton.log")
    # Its ports are the harness's; Triton would listen to everybody, which in a container nobody is.
    own = [word for word in services["triton-cpu"]["command"][1:] if not word.startswith(PORTS)]
    loopback = [f"--{name}-address=127.0.0.1" for name in ("http", "grpc", "metrics")]
    triton._arguments = [*on_host(services["triton-cpu"], own), *loopback, "--allow-gpu-metrics=false"]
    proxy = None
    try:
        triton.start()
        command = on_host(services["proxy"], services["proxy"]["command"])
        command[command.index("--port") + 1] = str(port)
        command[command.index("--triton-url") + 1] = triton.url
        proxy = subprocess.Popen(
            [script("pilotfish-backend"), *command], env=isolated(host.root / "home"), cwd=host.root
        )
        secret = (host.team / "secrets" / "metrics-key").read_text().strip()
        team = Team(services, host.team, port, said.getvalue().strip(), secret, triton)
        await_ready(team, proxy)
        yield team
    finally:
        if proxy is not None:
            proxy.send_signal(signal.SIGTERM)
            assert proxy.wait(20) == 0
        triton.stop()


def await_ready(team: Team, proxy: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        assert proxy.poll() is None, "the proxy ended"
        try:
            if team.ask("GET", "/health/ready")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(team.triton.log_text()[-2000:])


def test_the_verify_service_lets_a_whole_model_pass(team: Team, repository: Path) -> None:
    """And ends with an error over a damaged one, so that no Triton starts."""
    service = team.services["verify"]
    command = [script("pilotfish-backend"), *on_host(service, service["command"])]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    weights = repository / "fastertransformer" / "1" / "weights" / "model.bin"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    damaged = subprocess.run(
        [*command[:2], str(repository)], capture_output=True, text=True, timeout=60, check=False
    )
    assert damaged.returncode != 0
    assert "model.bin" in damaged.stdout + damaged.stderr


def test_the_team_gets_completions_with_its_key(team: Team) -> None:
    """Under the model's own name and FauxPilot's; streamed too. Without a key nobody gets anything."""
    body = {"prompt": "def hello", "max_tokens": 5, "temperature": 0}
    for path, model in (("/v1/completions", "tiny-codegen"), ("/v1/engines/codegen/completions", None)):
        status, answer = team.ask(
            "POST", path, body if model is None else {**body, "model": model}, key=team.key
        )
        assert status == 200, answer
        assert json.loads(answer)["usage"]["completion_tokens"] == 5
    status, answer = team.ask("POST", "/v1/completions", {**body, "stream": True}, key=team.key)
    assert (status, answer.count(b"data: ") > 2) == (200, True)
    assert team.ask("POST", "/v1/completions", body)[0] == 401
    assert team.ask("POST", "/v1/completions", body, key="pf-wrong")[0] == 401


def test_prometheus_gets_its_numbers_with_a_key_of_its_own(team: Team) -> None:
    """Which the dashboard is made of; Triton's are open inside."""
    assert team.ask("GET", "/metrics")[0] == 401
    status, text = team.ask("GET", "/metrics", key=team.metrics_key)
    assert status == 200
    assert b"pilotfish_ready 1.0" in text
    with urllib.request.urlopen(team.triton.metrics_url, timeout=10) as answer:
        shown = answer.read().decode()
    for name in (
        "nv_inference_queue_duration_us",
        "nv_inference_request_success",
        "nv_inference_request_failure",
    ):
        assert name in shown


def test_the_health_checks_succeed_while_all_is_well(team: Team) -> None:
    """The commands of the file itself; against a port where nobody is, they fail."""
    for name, port, here in (
        ("proxy", "5000", str(team.port)),
        ("triton-cpu", "8000", team.triton.http_url.rpartition(":")[2]),
    ):
        code = team.services[name]["healthcheck"]["test"][-1]
        assert f":{port}/" in code
        for there, expected in ((here, 0), (str(free_port()), 1)):
            check = [sys.executable, "-c", code.replace(f":{port}/", f":{there}/")]
            done = subprocess.run(check, capture_output=True, timeout=30, check=False)
            assert done.returncode == expected, (name, done.stderr)


def test_a_revoked_key_is_refused_at_once(team: Team) -> None:
    """Keys are added and revoked while the proxy runs, by the file in the folder that it sees."""
    file = read_team(team.folder).keys_dir / "keys.json"
    key = keys.add(file, "guest")
    body = {"prompt": "x", "max_tokens": 1}
    assert team.ask("POST", "/v1/completions", body, key=key)[0] == 200
    keys.revoke(file, "guest")
    assert team.ask("POST", "/v1/completions", body, key=key)[0] == 401
