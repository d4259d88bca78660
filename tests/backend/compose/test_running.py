"""`compose up`, `down`, `status`, `logs`: every command line that talks to Docker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from backend.compose.docker_program import Script
from backend.compose.host import GPU, Host
from harness.http_thread import ThreadHandler, ThreadServer, running
from pilotfish.backend.compose.docker import compose_version
from pilotfish.backend.compose.errors import ComposeError
from pilotfish.backend.compose.folder import read_team
from pilotfish.backend.compose.running import Container, parse_containers

Output = pytest.CaptureFixture[str]
UP = ["up", "--detach", "--remove-orphans", "--wait", "--wait-timeout", "1800"]
RUNNING = {"Service": "proxy", "State": "running", "Health": "healthy", "ExitCode": 0}
VERIFIED = {"Service": "verify", "State": "exited", "Health": "", "ExitCode": 0}


@pytest.fixture
def made(host: Host, repository: Path, port: int) -> Host:
    """A host with a team backend, on a port that is free."""
    assert (
        host.run("init", "--model", repository, "--yes", "--address", "127.0.0.1", "--port", str(port)) == 0
    )
    return host


def test_up_starts_it_and_waits(made: Host, port: int, capsys: Output) -> None:
    """In the background, without what an earlier version left; then it says where it is."""
    assert made.run("up") == 0
    assert made.compose_calls() == [["ps", "--all", "--format", "json"], UP]
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().out


def test_up_can_build_and_wait_less(made: Host) -> None:
    """By options."""
    assert made.run("up", "--build", "--wait", "60") == 0
    assert made.compose_calls()[-1] == [*UP[:-1], "60", "--build"]


def test_a_start_that_fails_says_where_to_look(made: Host, capsys: Output) -> None:
    """And has Docker's exit status."""
    made.install_docker(Script(failing=["up"]))
    assert made.run("up") == 17
    assert "compose logs" in capsys.readouterr().err


def test_who_stops_waiting_is_not_told_of_a_failure(made: Host, capsys: Output) -> None:
    """Ctrl+C while Compose waits: the containers go on."""
    made.install_docker(Script(failing=["up"], status=130))
    assert made.run("up") == 130
    said = capsys.readouterr().err
    assert "Stopped waiting" in said
    assert "did not come up" not in said


@pytest.mark.parametrize("damage", ["short", "missing"])
def test_a_damaged_model_is_not_started(made: Host, capsys: Output, damage: str) -> None:
    """Triton would call itself ready over it; the file is named, and Docker is not asked to start anything."""
    weights = read_team(made.team).model_dir / "fastertransformer" / "1" / "weights" / "model.bin"
    if damage == "short":
        weights.write_bytes(weights.read_bytes()[:-1])
    else:
        weights.unlink()
    assert made.run("up") == 1
    assert "fastertransformer/1/weights/model.bin" in capsys.readouterr().err
    assert UP not in made.compose_calls()


def test_without_a_key_nothing_is_started(made: Host, capsys: Output) -> None:
    """The command that makes one is named."""
    keys = read_team(made.team).keys_dir / "keys.json"
    keys.unlink()
    assert made.run("up") == 1
    assert f"pilotfish-backend keys add NAME --api-key-file {keys}" in capsys.readouterr().err
    assert UP not in made.compose_calls()


def test_gpus_that_went_are_missed(host: Host, repository: Path, port: int, capsys: Output) -> None:
    """What is not there any more when it starts."""
    host.install_gpus(GPU)
    assert host.run("init", "--model", repository, "--yes", "--port", str(port)) == 0
    host.install_gpus()
    assert host.run("up") == 1
    assert "no GPU on this host" in capsys.readouterr().err


def test_what_runs_already_may_have_its_port(made: Host, port: int) -> None:
    """`up` again, while it runs, is no conflict; a port of somebody else's is."""
    with health({"state": "ready"}, port=port):
        assert made.run("up") == 1
        made.install_docker(Script(containers=[RUNNING]))
        assert made.run("up") == 0


def test_down_takes_all_profiles_down(made: Host) -> None:
    """Those that are not chosen now, too."""
    assert made.run("down") == 0
    assert made.compose_calls() == [["--profile", "*", "down", "--remove-orphans"]]


def test_logs_of_whichever_triton_runs(made: Host) -> None:
    """The name `triton` stands for it."""
    made.install_docker(Script(services=["proxy", "verify", "triton-cpu"]))
    assert made.run("logs", "--follow", "--tail", "20", "triton", "proxy") == 0
    assert made.compose_calls() == [
        ["config", "--services"],
        ["logs", "--follow", "--tail", "20", "triton-cpu", "proxy"],
    ]


def test_status_tells_containers_and_health(made: Host, port: int, capsys: Output) -> None:
    """It succeeds only if the API says that it serves."""
    made.install_docker(Script(containers=[VERIFIED, RUNNING]))
    with health({"state": "ready", "model": "tiny-codegen"}, port=port):
        assert made.run("status") == 0
    said = capsys.readouterr().out
    assert "proxy                    running healthy\n" in said
    assert "verify                   exited (0)\n" in said
    assert f"http://127.0.0.1:{port} ready: tiny-codegen" in said
    with health({"state": "failing", "detail": "Triton is not there"}, port=port):
        assert made.run("status") == 1
    assert "failing: tiny-codegen (Triton is not there)" in capsys.readouterr().out
    made.install_docker()
    assert made.run("status") == 1
    said = capsys.readouterr().out
    assert "Nothing is running" in said
    assert "does not answer" in said


def test_the_environment_can_not_override_the_settings(made: Host) -> None:
    """A MODEL that is set in a shell for something else does not reach Docker; what steers Docker does."""
    made.variables = {"MODEL": "other", "MODEL_DIR": "/", "COMPOSE_FILE": "/x", "DOCKER_HOST": "unix:///y"}
    assert made.run("up") == 0
    for record in made.records():
        assert not {"MODEL", "MODEL_DIR", "COMPOSE_FILE"} & set(record["environ"])
    assert made.records()[-1]["environ"]["DOCKER_HOST"] == "unix:///y"


def test_no_secret_is_on_a_command_line(made: Host, capsys: Output) -> None:
    """Neither an API key nor a password, whatever is run."""
    assert made.run("init", "--yes", "--monitoring") == 0
    capsys.readouterr()
    secrets = [(made.team / "secrets" / name).read_text() for name in ("metrics-key", "grafana-password")]
    for action in ("up", "status", "logs", "down"):
        made.run(action)
    made.run("bundle", made.root / "all.tar")
    told = json.dumps(made.records())
    assert len(made.calls()) >= 6
    assert not [secret for secret in secrets if secret in told]


def test_an_override_of_the_team_counts(made: Host) -> None:
    """compose.override.yaml is read after our file, as Compose itself would."""
    (made.team / "compose.override.yaml").touch()
    assert made.run("down") == 0
    assert made.compose_calls()[-1][:2] == ["--file", str(made.team / "compose.override.yaml")]


@pytest.mark.parametrize("action", ["up", "down", "status", "logs"])
def test_without_a_team_backend(host: Host, capsys: Output, action: str) -> None:
    """The message says how to make one."""
    assert host.run(action) == 1
    assert "compose init" in capsys.readouterr().err


def test_without_docker(made: Host, capsys: Output) -> None:
    """The message names what is missing, or too old."""
    made.install_docker(Script(compose=None))
    assert made.run("down") == 1
    assert "no Compose here" in capsys.readouterr().err
    made.install_docker(Script(compose="v2.17.2"))
    assert made.run("down") == 1
    assert "2.17.2 is too old; 2.20.2 or newer" in capsys.readouterr().err
    (made.root / "bin" / "docker").unlink()
    assert made.run("down") == 1
    assert "no program 'docker'" in capsys.readouterr().err


def test_dockers_own_words_are_passed_on(made: Host, capsys: Output) -> None:
    """Where its output is read and it fails."""
    made.install_docker(Script(failing=["ps"]))
    assert made.run("status") == 1
    assert "no such thing: the last line says why" in capsys.readouterr().err


def test_versions() -> None:
    """As the plugin, Debian and the old program spell them."""
    assert compose_version("v2.26.1\n") == compose_version("2.26.1-4") == (2, 26, 1)
    assert compose_version("2.26") == (2, 26, 0)
    assert compose_version("nonsense") == ()


def test_containers_in_both_forms() -> None:
    """One object a line, and before Compose 2.21 one list."""
    expected = [Container("proxy", "running", "healthy"), Container("verify", "exited")]
    assert parse_containers(f"{json.dumps(VERIFIED)}\n{json.dumps(RUNNING)}\n") == expected
    assert parse_containers(json.dumps([RUNNING, VERIFIED])) == expected
    assert parse_containers("") == []
    with pytest.raises(ComposeError):
        parse_containers('{"Name": "x"}')


@contextmanager
def health(body: dict[str, object], *, port: int) -> Iterator[None]:
    """Something on a port that answers as /health does."""

    class Handler(ThreadHandler, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(body).encode()
            self.head(200, {}, len(data))
            self.wfile.write(data)

    with running(ThreadServer(Handler, port)):
        yield
