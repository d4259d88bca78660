"""`pilotfish-backend convert` and `verify`, as a person runs them."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from harness.tiny_codegen import write_codegen
from pilotfish.backend.__main__ import main
from pilotfish.backend.arguments import build_parser
from pilotfish.backend.converter.commands import QUANTIZATIONS
from pilotfish.backend.converter.ct2_numbers import SCHEMES


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen."""
    return write_codegen(tmp_path_factory.mktemp("checkpoint") / "tiny", rows=50295, layers=1)


def run(*arguments: object) -> int:
    return main([str(each) for each in arguments])


def test_convert_then_verify(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The slices that were chosen are told, the progress, the result, and how to check it; and that holds."""
    assert (
        run("convert", checkpoint, "--out", tmp_path / "out", "--target", "fastertransformer", "--gpus", 2)
        == 0
    )
    told = capsys.readouterr().err
    assert "codegen of 1 layers" in told
    assert "4 slices (by the configuration; --mp overrides)" in told
    assert "100 %" in told
    assert "50304 rows" in told
    assert f"pilotfish-backend verify {tmp_path / 'out'}" in told
    assert run("verify", tmp_path / "out", "--against", checkpoint) == 0
    assert "all holds" in capsys.readouterr().err


def test_what_is_wrong_is_said_in_lines(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No trace, the status 1, and nothing written."""
    out = tmp_path / "out"
    assert run("convert", checkpoint, "--out", out, "--target", "fastertransformer", "--gpus", 3) == 1
    assert "  --gpus: 4 heads do not divide by 3; possible are 1, 2, 4" in capsys.readouterr().err
    assert not out.exists()
    assert run("convert", tmp_path / "absent", "--out", out, "--target", "ctranslate2") == 1
    assert "is no folder" in capsys.readouterr().err
    assert run("verify", tmp_path / "absent") == 1
    assert "is no folder" in capsys.readouterr().err


def test_a_path_that_the_system_refuses_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that may not be searched, a name that is too long: its name and the system's words."""
    name = "x" * 300
    for arguments in (("convert", name, "--out", "out", "--target", "ctranslate2"), ("verify", name)):
        assert main(arguments) == 2
        assert f"{name}: File name too long" in capsys.readouterr().err


def test_a_changed_file_is_named(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which one, and that the repository must not be served."""
    run("convert", checkpoint, "--out", tmp_path / "out", "--target", "fastertransformer")
    with (tmp_path / "out/fastertransformer/1/1-gpu/model.wte.bin").open("ab") as file:
        file.write(b"!")
    assert run("verify", tmp_path / "out") == 1
    told = capsys.readouterr().err
    assert "model.wte.bin" in told
    assert "must not be served" in told


def test_help_says_what_each_type_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    """FauxPilot's backend reads nothing but fp32, and a person has to know it here."""
    with pytest.raises(SystemExit):
        run("convert", "--help")
    told = " ".join(capsys.readouterr().out.split())
    assert "FauxPilot's image (backend 1.1) reads nothing else" in told
    assert "fp16 takes half the disk, for backend 1.2" in told


def test_every_quantisation_can_be_asked_for() -> None:
    """The command line is built without the modules that know them, so it has a list of its own."""
    options = vars(build_parser().parse_args(["convert", "a", "--out", "b", "--target", "ctranslate2"]))
    assert options["quantization"] is None
    assert set(QUANTIZATIONS) == {name for name in SCHEMES if name}


def test_a_terminal_gets_a_bar(checkpoint: Path, tmp_path: Path) -> None:
    """With how much there is, and the cursor is left as it was."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "pilotfish.backend", "convert", str(checkpoint)]
    command += ["--out", str(tmp_path / "out"), "--target", "fastertransformer"]
    with subprocess.Popen(
        command, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    ) as process:
        os.close(theirs)
        told = b""
        try:
            while data := os.read(ours, 4096):
                told += data
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 0
    assert "Converting tiny" in told.decode()
    assert "\u2501" in told.decode()  # what rich draws bars with
    assert " MB" in told.decode()
    assert told.rfind(b"\x1b[?25h") > told.rfind(b"\x1b[?25l")
