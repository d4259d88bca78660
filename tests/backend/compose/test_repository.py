"""A team backend's model, when there is one already: kept, converted anew, or refused."""

import os
import shutil
from pathlib import Path

import pytest

from backend.compose.host import Host
from pilotfish.backend.compose.answers import Plan
from pilotfish.backend.compose.docker import Docker
from pilotfish.backend.compose.errors import ComposeError
from pilotfish.backend.compose.folder import read_team
from pilotfish.backend.compose.repository import Preparation
from pilotfish.backend.compose.sources import find_source
from pilotfish.backend.converter.check import check_sizes
from pilotfish.backend.models.progress import Silent

Output = pytest.CaptureFixture[str]


def test_a_damaged_model_is_converted_again(host: Host, checkpoint: Path, capsys: Output) -> None:
    """By init, as it says itself; without the checkpoint it asks for it."""
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    weights = read_team(host.team).model_dir / "fastertransformer" / "1" / "weights" / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert host.run("init", "--yes", "--quick") == 1
    said = capsys.readouterr().err
    assert "model.bin: has" in said
    assert "compose init --model" in said
    assert weights.read_bytes() == whole[:-1]
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    assert weights.read_bytes() == whole
    assert "was replaced" in capsys.readouterr().err
    assert not list(read_team(host.team).model_dir.parent.glob(".*"))


def test_a_model_that_fails_its_verification_is_not_kept(host: Host, checkpoint: Path) -> None:
    """The next run does not find it and take it for a good one."""
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 0
    team = read_team(host.team)
    made = (team.model_dir / "pilotfish.json").stat().st_mtime_ns
    docker = Docker(host.team, {"PATH": str(host.root / "bin")})
    plan = Plan(team, find_source(str(checkpoint)), "int8", "int8")

    class Spoiler(Silent):
        """Changes a file between the conversion and the check of its hash."""

        def begin(self, what: str, total: int | None) -> None:  # noqa: ARG002
            if "hashes" in what:
                (weights,) = team.model_dir.parent.glob(".*/*/fastertransformer/1/model.py")
                weights.write_bytes(weights.read_bytes().replace(b"p", b"q"))

    with pytest.raises(ComposeError, match=r"(?s)must not be served.*model\.py"):
        Preparation(plan, docker, Spoiler(), lambda _: None, quick=True, anew=True).run()
    assert (team.model_dir / "pilotfish.json").stat().st_mtime_ns == made
    assert check_sizes(team.model_dir) == []
    assert not list(team.model_dir.parent.glob(".*"))


def test_a_checkpoint_that_was_trained_further_is_converted_anew(
    host: Host, checkpoint: Path, tmp_path: Path, capsys: Output
) -> None:
    """Under the same name; one that did not change is left alone, unless that is asked for."""
    trained = shutil.copytree(checkpoint, tmp_path / "trained")
    assert host.run("init", "--model", trained, "--yes", "--quick") == 0
    manifest = read_team(host.team).model_dir / "pilotfish.json"
    before = manifest.stat()
    assert host.run("init", "--model", trained, "--yes", "--quick") == 0
    assert manifest.stat().st_ino == before.st_ino
    stamp = read_team(host.team).model_stamp
    assert "--anew" in capsys.readouterr().err
    with (trained / "model.safetensors").open("r+b") as file:
        file.seek(-2, os.SEEK_END)  # high bits of the last number, which 8 bits can tell too
        (high,) = file.read(1)
        file.seek(-2, os.SEEK_END)
        file.write(bytes([high ^ 0x40]))
    os.utime(trained / "model.safetensors", ns=(before.st_mtime_ns + 1, before.st_mtime_ns + 1))
    assert host.run("init", "--model", trained, "--yes", "--quick") == 0
    assert "was changed since" in capsys.readouterr().err
    assert manifest.stat().st_ino != before.st_ino
    assert read_team(host.team).model_stamp != stamp != ""
    before = manifest.stat()
    assert host.run("init", "--model", trained, "--yes", "--quick", "--anew") == 0
    assert manifest.stat().st_ino != before.st_ino
    assert host.run("init", "--yes", "--quick", "--anew") == 1
    assert "--model CHECKPOINT" in capsys.readouterr().err


def test_a_folder_of_others_is_not_replaced(host: Host, checkpoint: Path, capsys: Output) -> None:
    """Even if it has the name that the model's folder would have."""
    other = host.team / "models" / "tiny-codegen-ctranslate2-int8"
    other.mkdir(parents=True)
    (other / "notes").write_text("mine")
    assert host.run("init", "--model", checkpoint, "--yes", "--quick") == 1
    assert "was not made by a conversion" in capsys.readouterr().err
    assert (other / "notes").read_text() == "mine"
