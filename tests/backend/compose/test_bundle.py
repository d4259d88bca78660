"""`compose bundle` and `load`: a team backend on a host without internet."""

import hashlib
import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from backend.compose.docker_program import Script
from backend.compose.host import Host
from backend.compose.judge import needs_compose, resolved
from pilotfish.backend.compose.folder import read_team, read_values
from pilotfish.backend.converter.check import check_sizes
from pilotfish.backend.proxy import keys

Output = pytest.CaptureFixture[str]
IMAGES = ["pilotfish-proxy:1", "pilotfish-triton-cpu:1", "pilotfish-proxy:1"]


@pytest.fixture
def made(host: Host, repository: Path, port: int, capsys: Output) -> Host:
    """A host with a team backend whose images are there."""
    host.install_docker(Script(images=IMAGES, here=IMAGES))
    assert host.run("init", "--model", repository, "--port", str(port), "--yes", "--monitoring") == 0
    with (host.team / ".env").open("a") as file:
        file.write("SERVE_OPTIONS='--queue 8'\n")
    capsys.readouterr()
    return host


@pytest.fixture
def bundle(made: Host, tmp_path: Path) -> Path:
    """Its bundle."""
    path = tmp_path / "bundle.tar"
    assert made.run("bundle", path) == 0
    return path


@pytest.fixture
def other(tmp_path: Path) -> Host:
    """A host to load it on."""
    (tmp_path / "other").mkdir()
    host = Host(tmp_path / "other")
    host.install_docker()
    return host


def test_a_bundle_holds_all_but_secrets(made: Host, bundle: Path) -> None:
    """Images, model, compose files, Dockerfiles, settings without this host's paths; nothing that opens a door."""
    with tarfile.open(bundle) as archive:
        names = {name.removeprefix("pilotfish-team/") for name in archive.getnames()}
        images = archive.extractfile("pilotfish-team/images.tar")
        assert images is not None
        assert images.read() == b"layers of pilotfish-proxy:1 pilotfish-triton-cpu:1"
        settings = archive.extractfile("pilotfish-team/.env")
        assert settings is not None
        text = settings.read().decode()
    model = "models/tiny-codegen-ctranslate2-int8"
    expected = (
        "compose.yaml",
        ".env",
        "SHA256SUMS",
        "README.txt",
        "images/proxy.Dockerfile",
        f"{model}/pilotfish.json",
    )
    assert names >= {*expected, f"{model}/fastertransformer/1/weights/model.bin"}
    assert not [name for name in names if name.startswith(("keys", "secrets", "data", "checkpoints"))]
    assert str(made.root) not in text
    assert "SERVE_OPTIONS='--queue 8'" in text
    secret = (made.team / "secrets" / "metrics-key").read_bytes()
    assert secret not in bundle.read_bytes()


def test_its_hashes_can_be_checked_by_hand(bundle: Path, tmp_path: Path) -> None:
    """With tar and sha256sum, as its README says."""
    subprocess.run(["tar", "xf", str(bundle)], cwd=tmp_path, check=True)
    folder = tmp_path / "pilotfish-team"
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=folder, check=True)
    listed = {line.partition("  ")[2] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {
        "SHA256SUMS"
    }


@needs_compose
def test_what_was_unpacked_by_hand_is_a_project_of_composes(bundle: Path, tmp_path: Path) -> None:
    """Its paths are relative to the folder, wherever that is."""
    subprocess.run(["tar", "xf", str(bundle)], cwd=tmp_path, check=True)
    folder = tmp_path / "pilotfish-team"
    mounts = resolved(folder)["services"]["proxy"]["volumes"]
    assert [mount["source"] for mount in mounts] == [
        str(folder / "models" / "tiny-codegen-ctranslate2-int8"),
        str(folder / "keys"),
    ]


def test_images_that_are_not_here_are_built_and_pulled_first(made: Host, tmp_path: Path) -> None:
    """All profiles' images in use, each once, are saved."""
    made.install_docker(Script(images=IMAGES, here=IMAGES[:1]))
    assert made.run("bundle", tmp_path / "b.tar") == 0
    assert made.compose_calls() == [["config", "--images"], ["build"], ["pull", "--ignore-buildable"]]
    save = made.calls()[-1]
    assert save[:2] == ["save", "--output"]
    assert save[3:] == ["pilotfish-proxy:1", "pilotfish-triton-cpu:1"]


@pytest.mark.parametrize("failing", ["save", "compose build", "compose pull"])
def test_a_bundle_that_fails_leaves_nothing(made: Host, tmp_path: Path, failing: str) -> None:
    """No half of a file."""
    folder = tmp_path / "out"
    folder.mkdir()
    made.install_docker(Script(images=IMAGES, failing=[failing]))
    assert made.run("bundle", folder / "b.tar") == 1
    assert list(folder.iterdir()) == []


def test_a_bundle_is_not_overwritten(made: Host, bundle: Path, capsys: Output) -> None:
    """Nor is a damaged model put into one."""
    before = bundle.read_bytes()
    assert made.run("bundle", bundle) == 1
    assert bundle.read_bytes() == before
    (read_team(made.team).model_dir / "fastertransformer" / "config.pbtxt").unlink()
    assert made.run("bundle", bundle.with_name("new.tar")) == 1
    assert "config.pbtxt" in capsys.readouterr().err
    assert not bundle.with_name("new.tar").exists()


def test_a_bundle_becomes_a_team_backend_elsewhere(bundle: Path, other: Host, capsys: Output) -> None:
    """With that host's paths, user and a key of its own; the settings stay; the images go to Docker."""
    assert other.run("load", bundle) == 0
    key = capsys.readouterr().out.strip()
    team = read_team(other.team)
    assert team.model_dir == other.team / "models" / "tiny-codegen-ctranslate2-int8"
    assert check_sizes(team.model_dir) == []
    records = keys.load(other.team / "keys" / "keys.json")
    assert {record.name for record in records} == {"team", "prometheus"}
    assert keys.digest(key) in {record.sha256 for record in records}
    assert team.uid == (os.geteuid() or 10001)
    assert read_values(other.team / ".env")["SERVE_OPTIONS"] == "--queue 8"
    ((command, option, images),) = other.calls()
    assert (command, option) == ("load", "--input")
    assert images.endswith("images.tar")
    assert not list(other.team.glob("*.tar"))
    assert [path.name for path in other.root.iterdir() if path.name.startswith(".")] == []
    assert other.run("up") == 0


def test_keys_of_an_earlier_one_stay_in_use(made: Host, bundle: Path, other: Host, capsys: Output) -> None:
    """Where they are named, no new one is made."""
    capsys.readouterr()
    assert other.run("load", bundle, "--keys", made.team / "keys") == 0
    assert capsys.readouterr().out == ""
    assert read_team(other.team).keys_dir == made.team / "keys"


def test_what_is_there_is_not_replaced(made: Host, bundle: Path, capsys: Output) -> None:
    """Another folder, or the old one moved away: the message says so."""
    before = (made.team / ".env").read_text()
    assert made.run("load", bundle) == 1
    assert "--dir" in capsys.readouterr().err
    assert (made.team / ".env").read_text() == before


def changed(bundle: Path, name: str, data: bytes | None) -> None:
    """Write the bundle again with one file changed, left out, or added."""
    with tarfile.open(bundle) as archive:
        files = {entry.name: (entry, archive.extractfile(entry)) for entry in archive}
        held = {name: (entry, file.read() if file else b"") for name, (entry, file) in files.items()}
    with tarfile.open(bundle, "w") as archive:
        for each, (entry, content) in held.items():
            if each == name:
                continue
            archive.addfile(entry, io.BytesIO(content))
        if data is not None:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("pilotfish-team/compose.yaml", b"services: {}"),
        ("pilotfish-team/images.tar", None),
        ("pilotfish-team/SHA256SUMS", None),
        ("pilotfish-team/one/more", b""),
        ("pilotfish-team/../../outside", b"evil"),
        ("/outside", b"evil"),
        ("elsewhere/file", b"evil"),
    ],
)
def test_a_bundle_that_is_not_as_it_was_made_is_refused(
    bundle: Path, other: Host, capsys: Output, name: str, data: bytes | None
) -> None:
    """Nothing of it reaches Docker, and no folder is left."""
    changed(bundle, name, data)
    assert other.run("load", bundle) == 1
    assert "Nothing was changed" in (said := capsys.readouterr().err) or "nothing was changed" in said
    assert other.calls() == []
    assert {path.name for path in other.root.iterdir()} == {"bin", "docker"}
    assert not (other.root.parent / "outside").exists()


@pytest.mark.parametrize(("name", "value"), [("MODEL_DIR", "../theirs"), ("KEYS_DIR", "./keys/../../theirs")])
def test_settings_that_lead_out_of_the_folder_are_refused(
    bundle: Path, other: Host, capsys: Output, name: str, value: str
) -> None:
    """What they name would be opened up to the containers' user, and the hashes are the bundle's own."""
    with tarfile.open(bundle) as archive:
        held = {each: archive.extractfile(f"pilotfish-team/{each}") for each in (".env", "SHA256SUMS")}
        env, sums = (file.read().decode() if file else "" for file in held.values())
    evil = re.sub(f"^{name}=.*$", f"{name}={value}", env, flags=re.MULTILINE)
    before, after = (hashlib.sha256(text.encode()).hexdigest() for text in (env, evil))
    changed(bundle, "pilotfish-team/.env", evil.encode())
    changed(bundle, "pilotfish-team/SHA256SUMS", sums.replace(before, after).encode())
    assert other.run("load", bundle) == 1
    assert f"{name} is" in capsys.readouterr().err
    assert other.calls() == []
    assert not other.team.exists()


def test_links_in_a_bundle_are_refused(tmp_path: Path, other: Host, capsys: Output) -> None:
    """A link could lead out of the folder; so could a file of any other unusual kind."""
    bundle = tmp_path / "evil.tar"
    with tarfile.open(bundle, "w") as archive:
        entry = tarfile.TarInfo("pilotfish-team/models")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(entry)
    assert other.run("load", bundle) == 1
    assert "no bundle of ours" in capsys.readouterr().err
    assert not other.team.exists()


@pytest.mark.parametrize("content", [b"", b"no tar at all"])
def test_what_is_no_bundle(tmp_path: Path, other: Host, content: bytes) -> None:
    """A file of another kind, or a cut one."""
    file = tmp_path / "x.tar"
    file.write_bytes(content)
    assert other.run("load", file) == 1
    assert not other.team.exists()


def test_a_cut_bundle(bundle: Path, other: Host) -> None:
    """As a full disk, or a pulled stick, leaves it."""
    data = bundle.read_bytes()
    bundle.write_bytes(data[: len(data) // 2])
    assert other.run("load", bundle) == 1
    assert not other.team.exists()


def test_a_place_that_is_not_there(made: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said before images are brought, and by its own name."""
    assert made.run("bundle", tmp_path / "absent" / "team.tar") == 1
    assert f"no folder {tmp_path / 'absent'}" in capsys.readouterr().err
