"""`compose init`: from a model to a folder that Docker can start."""

import errno
import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from backend.compose.checkpoint_hub import checkpoint_hub
from backend.compose.docker_program import Script
from backend.compose.host import GPU, Host
from backend.compose.judge import needs_compose, resolved
from harness.programs import script
from pilotfish.backend.compose.answers import Plan, Wanted
from pilotfish.backend.compose.errors import ComposeError
from pilotfish.backend.compose.folder import read_team, read_values
from pilotfish.backend.compose.init import Init
from pilotfish.backend.compose.sources import MODELS, find_source
from pilotfish.backend.converter.check import check_sizes
from pilotfish.backend.models.errors import PullError
from pilotfish.backend.models.progress import Silent
from pilotfish.backend.proxy import keys
from pilotfish.backend.version import version

Output = pytest.CaptureFixture[str]
KEY = re.compile(r"pf-[\w-]{43}")


def test_a_folder_becomes_a_team_backend(host: Host, checkpoint: Path, capsys: Output) -> None:
    """Converted and verified, with settings, images' sources, and one key, which is shown once and kept as a hash."""
    assert host.run("init", "--model", checkpoint, "--yes") == 0
    said = capsys.readouterr()
    team = read_team(host.team)
    assert (team.model, team.profile, team.gpus, team.version) == ("tiny-codegen", "cpu", (), version())
    assert team.model_dir == host.team / "models" / "tiny-codegen-ctranslate2-int8"
    assert check_sizes(team.model_dir) == []
    key = said.out.strip()
    assert KEY.fullmatch(key)
    (record,) = keys.load(team.keys_dir / "keys.json")
    assert (record.name, record.sha256) == ("team", keys.digest(key))
    for path in host.team.rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes(), path
    assert key not in said.err
    assert "apart by" in said.err  # the logits were compared
    assert (host.team / "images" / "wheels" / f"pilotfish-{version()}-py3-none-any.whl").is_file()
    assert (host.team / "compose.yaml").is_file()


@needs_compose
def test_compose_takes_what_was_made(host: Host, checkpoint: Path) -> None:
    """The file with this `.env` is right, and publishes the port that was asked for."""
    assert host.run("init", "--model", checkpoint, "--yes", "--quick", "--port", "5055", "--monitoring") == 0
    services = resolved(host.team)["services"]
    assert set(services) == {"proxy", "verify", "triton-cpu", "prometheus", "grafana"}
    (port,) = services["proxy"]["ports"]
    assert (port["host_ip"], port["published"]) == ("0.0.0.0", "5055")
    for service in services.values():
        for mount in service.get("volumes", ()):
            assert Path(mount["source"]).exists(), mount
    for secret in resolved(host.team)["secrets"].values():
        assert Path(secret["file"]).stat().st_mode & 0o777 == 0o600


def test_what_containers_need_is_theirs(host: Host, checkpoint: Path) -> None:
    """Keys and secrets can be read by whom the containers run as, who is not root, and by nobody else."""
    assert host.run("init", "--model", checkpoint, "--yes", "--quick", "--monitoring") == 0
    team = read_team(host.team)
    assert team.uid != 0
    assert team.uid == (os.geteuid() or 10001)
    private = ("keys/keys.json", "secrets/metrics-key", "secrets/grafana-password", "secrets/pip.conf")
    for name in (*private, "keys", "secrets", "data/prometheus", "data/grafana"):
        stat = (host.team / name).stat()
        assert (stat.st_uid, stat.st_mode & 0o077) == (team.uid, 0), name
    for path in (team.model_dir, *team.model_dir.rglob("*")):
        stat = path.stat()
        assert stat.st_uid == team.uid or stat.st_mode & 0o004, path


def test_a_folder_with_more_than_keys_stays_whose_it_was(host: Host, checkpoint: Path) -> None:
    """Only the keys' own file is handed over."""
    shared = host.root / "shared"
    shared.mkdir()
    (shared / "other").touch()
    before = (shared.stat().st_uid, (shared / "other").stat().st_uid)
    assert host.run("init", "--model", checkpoint, "--yes", "--quick", "--keys", shared) == 0
    assert (shared.stat().st_uid, (shared / "other").stat().st_uid) == before
    assert (shared / "keys.json").stat().st_uid == read_team(host.team).uid


def test_a_second_run_changes_what_is_said_and_keeps_the_rest(
    host: Host, checkpoint: Path, capsys: Output
) -> None:
    """Keys, the model, variables of others, and files that somebody changed, which are kept beside ours."""
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    before = (host.team / "keys" / "keys.json").read_text()
    model = read_team(host.team).model_dir / "pilotfish.json"
    made = model.stat().st_mtime_ns
    with (host.team / ".env").open("a") as file:
        file.write("SERVE_OPTIONS='--queue 8'\n")
    (host.team / "compose.yaml").write_text("# mine")
    capsys.readouterr()
    assert host.run("init", "--yes", "--port", "5001") == 0
    assert read_team(host.team).port == 5001
    assert read_values(host.team / ".env")["SERVE_OPTIONS"] == "--queue 8"
    assert (host.team / "keys" / "keys.json").read_text() == before
    assert model.stat().st_mtime_ns == made
    assert capsys.readouterr().out == ""
    assert (host.team / "compose.yaml.before").read_text() == "# mine"


def test_a_run_that_fails_leaves_the_settings_in_use(host: Host, checkpoint: Path, tmp_path: Path) -> None:
    """A model that can't be had does not take the place of the one that is served."""
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    before = (host.team / ".env").read_text()
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.json").write_text((checkpoint / "config.json").read_text())
    assert host.run("init", "--model", empty, "--yes") == 1
    assert (host.team / ".env").read_text() == before


def test_fastertransformer_for_two_gpus(host: Host, checkpoint: Path, capsys: Output) -> None:
    """Files for both ranks; asked for one GPU later, they are not served but converted anew."""
    host.install_gpus(GPU, GPU.replace("0,", "1,", 1))
    arguments = ("--model", checkpoint, "--backend", "fastertransformer", "--yes", "--quick")
    assert host.run("init", *arguments, "--gpus", "2") == 0
    team = read_team(host.team)
    assert (team.profile, team.gpus) == ("fastertransformer", (0, 1))
    assert (team.model_dir / "fastertransformer" / "1" / "2-gpu").is_dir()
    assert host.run("init", *arguments, "--gpu-ids", "1") == 0
    assert read_team(host.team).model_dir.name == "tiny-codegen-fastertransformer-1gpu"
    assert (
        host.run("init", "--model", team.model_dir, "--backend", "fastertransformer", "--gpus", "1", "--yes")
        == 1
    )
    assert "converted for 2 GPUs, not for 1" in capsys.readouterr().err


def test_a_gpu_is_used_where_there_is_one(host: Host, checkpoint: Path) -> None:
    """By CTranslate2 in half precision, unless something else is asked for."""
    host.install_gpus(GPU)
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    team = read_team(host.team)
    assert (team.profile, team.gpus) == ("python", (0,))
    assert json.loads((team.model_dir / "pilotfish.json").read_text())["quantization"] == "float16"


def test_what_can_not_run_is_refused_before_anything_is_written(host: Host, capsys: Output) -> None:
    """All reasons at once."""
    host.install_gpus("0, Small, 4096, 7.5")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = host.run(
            "init", "--model", "codegen-6B-mono", "--port", str(port), "--address", "127.0.0.1", "--yes"
        )
    said = capsys.readouterr().err
    assert status == 1
    assert "needs 15.4 GiB" in said
    assert f"port {port} of 127.0.0.1 is in use" in said
    assert not host.team.exists()


def test_without_docker_it_is_made_all_the_same(host: Host, checkpoint: Path, capsys: Output) -> None:
    """But one is told at once."""
    host.install_docker(Script(compose="1.29.2"))
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    assert "Compose 1.29.2 is too old" in capsys.readouterr().err


def test_fauxpilots_settings_are_taken_over(host: Host, checkpoint: Path, capsys: Output) -> None:
    """Its `.env` gives port, GPUs and folders; its model's own folder is left alone."""
    host.install_gpus(GPU, GPU.replace("0,", "1,", 1))
    old = host.root / "fauxpilot"
    (old / "models" / "codegen-350M-multi-2gpu").mkdir(parents=True)
    (old / ".env").write_text(
        f"NUM_GPUS=2\nGPUS=0,1\nAPI_EXTERNAL_PORT=5077\nTRITON_HOST=triton\nTRITON_PORT=8001\n"
        f"MODEL=codegen-350M-multi\nMODEL_DIR={old}/models/codegen-350M-multi-2gpu\nHF_CACHE_DIR={old}/.hf_cache\n"
    )
    assert host.run("init", "--env", old / ".env", "--model", checkpoint, "--yes", "--quick") == 0
    team = read_team(host.team)
    assert (team.profile, team.port, team.gpus) == ("fastertransformer", 5077, (0, 1))
    assert team.model_dir == old / "models" / "tiny-codegen-fastertransformer-2gpu"
    assert team.checkpoints == old / ".hf_cache"
    assert list((old / "models" / "codegen-350M-multi-2gpu").iterdir()) == []
    said = capsys.readouterr().err
    assert "taken for one of FauxPilot's" in said
    assert "codegen-350M-multi-2gpu is not used" in said


def test_a_triton_elsewhere_needs_the_tokenizer_only(host: Host, checkpoint: Path) -> None:
    """The proxy speaks to it, and no Triton is started here."""
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    converted = read_team(host.team).model_dir
    assert host.run("init", "--triton", "gpu-host:9001", "--model", converted, "--yes") == 0
    team = read_team(host.team)
    assert (team.profile, team.triton_host, team.triton_port) == ("external", "gpu-host", 9001)
    assert team.model_dir == converted
    assert read_values(host.team / ".env")["COMPOSE_PROFILES"] == ""


def test_a_model_of_the_hub_is_downloaded(host: Host, checkpoint: Path, port: int) -> None:
    """By its name; where the download was cut, a second run goes on, with the answers of the first."""
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    with checkpoint_hub("Makers/tiny", files) as hub:
        hub.cut["tokenizer.json"] = 1000
        made = Init(
            folder=host.team,
            wanted=Wanted(model="Makers/tiny", port=port),
            environment={"PATH": str(host.root / "bin")},
            say=lambda _: None,
            progress=silent,
            quick=True,
            endpoint=hub.address,
        )
        with pytest.raises(PullError):
            made.run()
        assert not (host.team / "keys").exists()
        hub.cut.clear()
        hub.refuse = False
        assert made.run().team.port == port
        assert [name for name, _ in hub.asked].count("model.safetensors") == 1
    assert (host.team / "checkpoints" / "tiny" / "config.json").is_file()
    assert check_sizes(read_team(host.team).model_dir) == []


def test_a_model_of_the_hub_that_does_not_fit(host: Host, checkpoint: Path, port: int) -> None:
    """Its shape is known when it is here: it is not converted in vain."""
    host.install_gpus("0, Tiny, 100, 8.6")
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    with checkpoint_hub("Makers/tiny", files) as hub:
        made = Init(
            folder=host.team,
            wanted=Wanted(model="Makers/tiny", port=port),
            environment={"PATH": str(host.root / "bin")},
            say=lambda _: None,
            progress=silent,
            endpoint=hub.address,
        )
        with pytest.raises(ComposeError, match=r"GPU 0 \(Tiny\) has 0\.1 GiB"):
            made.run()
    assert not (host.team / "models").exists()


def test_a_converter_in_the_image_does_the_same(host: Host, checkpoint: Path) -> None:
    """Where its libraries are missing here, it runs in the proxy's image, with folders mounted and no network."""
    from pilotfish.backend.compose.docker import Docker
    from pilotfish.backend.compose.repository import Preparation

    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    team = read_team(host.team)
    converted = team.model_dir.rename(team.model_dir.with_name("aside"))
    docker = Docker(host.team, {"PATH": str(host.root / "bin")})
    plan = Plan(team, find_source(str(checkpoint)), "int8", "int8")
    said: list[str] = []
    Preparation(plan, docker, Silent(), said.append, libraries=("no_such_library",)).run()
    assert check_sizes(team.model_dir) == []
    for name in ("1/weights/model.bin", "configs/decoupled.pbtxt"):
        of_model = Path("fastertransformer") / name
        assert (team.model_dir / of_model).read_bytes() == (converted / of_model).read_bytes()
    # Where it runs is known, and told to whoever asks the server.
    assert 'key: "device" value: { string_value: "cpu" }' in (converted / of_model).read_text()
    convert, verify = host.compose_calls()
    assert convert[:6] == ["--profile", "tools", "run", "--rm", "--no-deps", "--volume"]
    assert f"{checkpoint}:/checkpoint:ro" in convert
    assert convert[convert.index("tools", 2) :][:3] == ["tools", "convert", "/checkpoint"]
    assert verify[-2:] == ["--against", "/checkpoint"]
    assert not list(team.model_dir.parent.glob(".*"))


def test_a_person_is_asked(host: Host, checkpoint: Path) -> None:
    """On a terminal, with proposals that Enter takes; a wrong answer is asked again; at the end it can be started."""
    answers = ["cpu", "nonsense", str(checkpoint), "", "999999", "5044", "n", "", "n", "n"]
    output, status = at_terminal([*init_command(host)], answers, {"PATH": str(host.root / "bin")})
    assert status == 0, output
    team = read_team(host.team)
    assert (team.model, team.port, team.address, team.monitoring) == (
        "tiny-codegen",
        5044,
        "127.0.0.1",
        False,
    )
    for number, name in enumerate(MODELS, start=1):
        assert f"{number:>2}. {name}" in output
    assert "there is no folder nonsense" in output
    assert "expected a port" in output
    assert KEY.search(output)
    assert not host.calls()  # "Start it now?" was answered with no


def test_nobody_at_the_terminal(host: Host) -> None:
    """The end of input ends it, and nothing is written."""
    output, status = at_terminal(init_command(host), [], {"PATH": str(host.root / "bin")}, end=True)
    assert status == 1
    assert "nobody answers" in output
    assert not host.team.exists()


def test_ctrl_c(host: Host) -> None:
    """It ends with what that leaves behind, and no traceback."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        init_command(host), stdin=theirs, stderr=subprocess.PIPE, env={"PATH": str(host.root / "bin")}
    )
    killer = threading.Timer(60, process.kill)
    killer.start()
    assert process.stderr is not None
    said = b""
    while b"What serves" not in said and (letter := process.stderr.read(1)):
        said += letter
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait() == 130
    killer.cancel()
    process.stderr.close()
    os.close(ours)
    os.close(theirs)
    assert said.endswith(b"what was downloaded is kept.\n")
    assert b"Traceback" not in said
    assert not host.team.exists()


def init_command(host: Host) -> list[str]:
    return [script("pilotfish-backend"), "compose", "init", "--quick", "--dir", str(host.team)]


def silent() -> "_SilentDisplay":
    return _SilentDisplay()


class _SilentDisplay(Silent):
    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def at_terminal(
    command: list[str], answers: list[str], environment: dict[str, str], *, end: bool = False
) -> tuple[str, int]:
    """Run a program with a terminal at which somebody types all answers at once; what is on it, and the status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "dumb"},
        close_fds=True,
    )
    os.close(theirs)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode() + (b"\x04" if end else b""))
    killer = threading.Timer(60, process.kill)
    killer.start()
    seen = b""
    try:
        while block := os.read(ours, 1 << 16):
            seen += block
    except OSError as error:
        assert error.errno == errno.EIO  # noqa: PT017 (how a terminal ends on Linux)
    finally:
        killer.cancel()
        os.close(ours)
    return seen.decode(), process.wait(10)
