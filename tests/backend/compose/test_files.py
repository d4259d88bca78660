"""The compose file and the Dockerfiles: judged by Compose itself, the specification's schema, and hadolint."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.compose.judge import FILES, judge, needs_compose, resolved
from pilotfish.backend.compose import dotenv
from pilotfish.backend.compose.team import OPTIONAL, OWNED, Team, values_of
from pilotfish.backend.proxy.metrics import Metrics

COMPOSE = FILES / "compose.yaml"
BACKENDS = ("python", "cpu", "fastertransformer")
OURS = re.compile(r"pilotfish-(proxy|triton|triton-cpu|train):")
TEAM = Team(
    profile="external",
    gpus=(0, 1),
    model_dir=Path("/srv/models/m"),
    keys_dir=Path("/srv/keys"),
    version="9.9",
    uid=1234,
    gid=4321,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files with a `.env`, as `init` would write them."""
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    (tmp_path / ".env").write_text(dotenv.render(values_of(TEAM), []))
    return tmp_path


def program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def combinations() -> list[tuple[str, ...]]:
    """No, one or all of the ways to serve, with and without monitoring and what ends by itself."""
    serving: list[tuple[str, ...]] = [(), *((name,) for name in BACKENDS), BACKENDS]
    extras = [(), ("monitoring",), ("tools",), ("train",), ("monitoring", "tools", "train")]
    return [(*some, *extra) for some, extra in itertools.product(serving, extras)]


@needs_compose
@pytest.mark.parametrize("profiles", combinations(), ids="+".join)
def test_compose_takes_every_combination_of_profiles(folder: Path, profiles: tuple[str, ...]) -> None:
    """Without a warning; and what runs is what the profiles say."""
    done = judge(folder, [*(f"--profile={name}" for name in profiles), "config", "--services"])
    assert (done.returncode, done.stderr) == (0, "")
    serving = {f"triton-{name}" for name in profiles if name in BACKENDS}
    expected = {"proxy", *serving, *({"verify"} if serving else ())}
    expected |= {"prometheus", "grafana"} if "monitoring" in profiles else set()
    expected |= {"tools", "train"} & set(profiles)
    assert set(done.stdout.split()) == expected


@needs_compose
def test_the_file_keeps_to_the_specification(folder: Path) -> None:
    """As written and as Compose resolves it, by the schema of the Compose specification."""
    full = resolved(folder, *BACKENDS, "monitoring", "tools", "train")
    (folder / "resolved.json").write_text(json.dumps(full))
    done = subprocess.run(
        [
            program("check-jsonschema"),
            "--builtin-schema",
            "vendor.compose-spec",
            str(COMPOSE),
            str(folder / "resolved.json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All services as Compose understands them."""
    folder = tmp_path_factory.mktemp("files")
    shutil.copytree(FILES, folder, dirs_exist_ok=True)
    (folder / ".env").write_text(dotenv.render(values_of(TEAM), []))
    found: dict[str, Any] = resolved(folder, *BACKENDS, "monitoring", "tools", "train")["services"]
    return found


@needs_compose
def test_every_service_is_confined(services: dict[str, Any]) -> None:
    """No root, no capability, a file system that can't be written, limits, bounded logs."""
    for name, service in services.items():
        assert service["user"] == "1234:4321", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["deploy"]["resources"]["limits"]) >= {"memory", "pids"}, name
        assert service["logging"]["options"]["max-file"], name
        assert "privileged" not in service, name


@needs_compose
def test_only_the_api_and_grafana_are_published(services: dict[str, Any]) -> None:
    """Triton's ports are reached by the proxy alone; Grafana by this host alone."""
    published = {
        name: [(port["host_ip"], port["published"], port["target"]) for port in service["ports"]]
        for name, service in services.items()
        if service.get("ports")
    }
    assert published == {"proxy": [("0.0.0.0", "5000", 5000)], "grafana": [("127.0.0.1", "3000", 3000)]}
    for backend in BACKENDS:
        assert set(services[f"triton-{backend}"]["networks"]) == {"inside"}
        assert services[f"triton-{backend}"]["networks"]["inside"]["aliases"] == ["triton"]


@needs_compose
def test_nothing_serves_what_was_not_verified(services: dict[str, Any]) -> None:
    """Every Triton waits for the check of its model to succeed, and the proxy for a Triton that has loaded it."""
    assert services["verify"]["command"] == ["verify", "/model"]
    assert services["verify"]["restart"] == "no"
    for backend in BACKENDS:
        triton = services[f"triton-{backend}"]
        assert triton["depends_on"]["verify"]["condition"] == "service_completed_successfully"
        assert triton["restart"] == "unless-stopped"
        assert "v2/models/fastertransformer/ready" in triton["healthcheck"]["test"][-1]
        assert services["proxy"]["depends_on"][f"triton-{backend}"] == {
            "condition": "service_healthy",
            "required": False,
        }
        models = [mount for mount in triton["volumes"] if mount["target"] == "/model"]
        assert [(mount["source"], mount["read_only"]) for mount in models] == [("/srv/models/m", True)]


@needs_compose
def test_gpus_are_reserved_where_there_are_some(services: dict[str, Any]) -> None:
    """And nowhere else; CUDA_VISIBLE_DEVICES picks among them."""
    reserved = {
        name for name, service in services.items() if "reservations" in service["deploy"]["resources"]
    }
    serving = {"triton-python", "triton-fastertransformer"}
    assert reserved == {*serving, "train"}
    for name in reserved:
        (device,) = services[name]["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    for name in serving:
        assert services[name]["environment"]["CUDA_VISIBLE_DEVICES"] == "0,1"


@needs_compose
def test_training_has_what_its_processes_share_and_no_way_out(services: dict[str, Any]) -> None:
    """More shared memory than Docker gives, memory that may be pinned, no network; the base can't be changed."""
    train = services["train"]
    assert int(train["shm_size"]) == 8 * 1024**3
    assert train["ulimits"]["memlock"] == -1
    assert train["network_mode"] == "none"
    mounts = {mount["target"]: mount.get("read_only", False) for mount in train["volumes"]}
    assert mounts == {"/training": False, "/checkpoints": True}


@needs_compose
def test_images_are_pinned(services: dict[str, Any]) -> None:
    """By a tag that names a version; ours by our own."""
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        assert re.search(r"\d+\.\d+", tag), name
        assert ("build" in service) == bool(OURS.match(service["image"])), name
        if "build" in service:
            assert tag == "9.9"


@needs_compose
def test_the_keys_are_mounted_as_a_folder_that_can_not_be_written(services: dict[str, Any]) -> None:
    """A file that is replaced, as the keys' is when one is revoked, would stay what it was inside the container."""
    (keys,) = [mount for mount in services["proxy"]["volumes"] if mount["target"] == "/keys"]
    assert (keys["type"], keys["source"], keys["read_only"]) == ("bind", "/srv/keys", True)
    assert "/keys/keys.json" in services["proxy"]["command"]


@needs_compose
def test_no_secret_is_in_a_variable(services: dict[str, Any]) -> None:
    """What Prometheus and Grafana must know lies in files that only they get."""
    assert [secret["source"] for secret in services["prometheus"]["secrets"]] == ["metrics_key"]
    assert [secret["source"] for secret in services["grafana"]["secrets"]] == ["grafana_password"]
    for service in services.values():
        for name, value in (service.get("environment") or {}).items():
            secret = re.search("PASSWORD|TOKEN|SECRET|KEY", name)
            assert not secret or value.startswith("/run/secrets/")


@needs_compose
def test_options_of_a_team_reach_the_proxy(folder: Path) -> None:
    """Compose splits SERVE_OPTIONS into arguments, and adds none where it is not set."""
    plain = resolved(folder)["services"]["proxy"]["command"]
    assert plain[-2:] == ["--queue", "128"]
    with (folder / ".env").open("a") as file:
        file.write("SERVE_OPTIONS='--enable-copilot-token --queue 8'\n")
    assert resolved(folder)["services"]["proxy"]["command"] == [
        *plain,
        "--enable-copilot-token",
        "--queue",
        "8",
    ]


@needs_compose
def test_another_model_makes_what_serves_it_anew(folder: Path) -> None:
    """Compose starts a container again only if its description differs, and the model's files are not in it."""
    with (folder / ".env").open("a") as file:
        file.write("MODEL_STAMP=0123abcd\n")
    services = resolved(folder, *BACKENDS)["services"]
    stamped = {name for name, service in services.items() if "0123abcd" in str(service.get("labels"))}
    assert stamped == {"proxy", "verify", *(f"triton-{profile}" for profile in BACKENDS)}


@needs_compose
def test_a_folder_that_was_not_made_says_so(folder: Path) -> None:
    """Compose itself, without `.env`, names the command that makes one."""
    (folder / ".env").unlink()
    done = judge(folder, ["config"])
    assert done.returncode != 0
    assert "pilotfish-backend compose init" in done.stderr


def test_every_variable_is_known_to_the_commands() -> None:
    """Each that the file reads is taken out of the environment of Docker's program, so that `.env` counts."""
    read = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    assert read <= {*OWNED, *OPTIONAL}


@pytest.mark.parametrize("path", sorted(FILES.rglob("*.Dockerfile")), ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    """At its strictest, with no rule left out."""
    done = subprocess.run(
        [program("hadolint"), "--failure-threshold", "style", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(FILES.rglob("*.Dockerfile")), ids=lambda path: path.name)
def test_images_end_without_root(path: Path) -> None:
    """The last USER is a number other than 0, and every base is pinned."""
    text = path.read_text()
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == "10001:10001"
    bases = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)", text, re.MULTILINE))
    froms = re.findall(r"^FROM \$\{(\w+)\}", text, re.MULTILINE)
    assert set(froms) == set(bases)
    assert all(re.search(r":\d+\.\d+", image) for image in bases.values())
    assert len(froms) == len(re.findall("^FROM", text, re.MULTILINE))


def test_monitoring_asks_for_what_there_is() -> None:
    """Every number of ours on the dashboard is one that the proxy shows."""
    metrics = Metrics()
    for name in ("running", "waiting", "slots", "ready"):
        metrics.watch(name, "", lambda: 0.0)
    shown = set(re.findall(r"^# TYPE (\w+)", metrics.render().decode(), re.MULTILINE))
    dashboard = json.loads((FILES / "monitoring/grafana/dashboards/pilotfish.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for text in expressions for name in re.findall(r"pilotfish_\w+", text)}
    assert len(asked) >= 8
    assert {re.sub(r"_(bucket|total)$", "", name) for name in asked} <= {
        re.sub(r"_total$", "", name) for name in shown
    }
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {"prometheus"}


def test_prometheus_and_grafana_find_each_other() -> None:
    """Names and ports are those of the compose file."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    scraped = yaml.safe_load((FILES / "monitoring/prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in scraped for entry in job["static_configs"] for target in entry["targets"]}
    assert targets == {"proxy:5000", "triton:8002"}
    assert scraped[0]["authorization"]["credentials_file"] == "/run/secrets/metrics_key"
    sources = yaml.safe_load(
        (FILES / "monitoring/grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    assert {"prometheus", "proxy"} <= set(services)
