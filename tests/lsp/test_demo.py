"""The demonstration as a program: how it fails, and that it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from harness.environment import isolated

DEADLINE = 30.0


@dataclass(frozen=True)
class Installation:
    """A virtual environment with our code in it and a `pilotfish-backend` that the test writes."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables for its programs; temporary files are made where the test can see them."""
        return isolated(self.folder / "home", TMPDIR=str(self.folder / "tmp"), PATH=os.defpath)

    def backend(self, script: str) -> None:
        """Write the program's part after the first line; `sh` runs it."""
        path = self.folder / "bin" / "pilotfish-backend"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `pilotfish demo`."""
        argv = [str(self.folder / "bin" / "python"), "-P", "-m", "pilotfish.lsp", "demo", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            argv, cwd=self.folder, env=self.environment, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run `pilotfish demo`; its status and what it wrote to stderr."""
        with self.start(*arguments) as process:
            _, errors = process.communicate(timeout=DEADLINE)
        return process.returncode, errors

    def left_behind(self) -> list[str]:
        """Temporary files that are still there."""
        return [path.name for path in (self.folder / "tmp").iterdir()]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """A copy of the tests' own environment: its libraries by a link, its programs not at all."""
    own = Path(sys.prefix)
    for name in ("bin", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "pyvenv.cfg").write_text((own / "pyvenv.cfg").read_text())
    (tmp_path / "lib").symlink_to(own / "lib")
    (tmp_path / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    return Installation(tmp_path)


def test_without_the_backend_it_says_what_to_install(installation: Installation) -> None:
    """The message can be pasted."""
    status, errors = installation.run()
    assert status == 1
    assert "pip install 'pilotfish[local]'" in errors
    assert "Traceback" not in errors


def test_a_pull_that_fails_is_reported(installation: Installation) -> None:
    """The reason is the program's own, the status is not 0, and no language server is started."""
    installation.backend("echo no space left on disk >&2; exit 3")
    status, errors = installation.run()
    assert status == 1
    assert "no space left on disk" in errors
    assert "pulling the model failed" in errors
    assert installation.left_behind() == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.py", None, "No such file"),
        ("binary.py", b"\xff\xfe\x00", "not a text in UTF-8"),
        ("prose.txt", b"Some text.\n", "no indented statements"),
        ("huge.py", b"x = 1\n" * 200_000, "larger than 1 MiB"),
    ],
)
def test_a_file_that_can_not_be_typed_into_is_named(
    installation: Installation, name: str, content: bytes | None, message: str
) -> None:
    """What is wrong with the file is found out before a model is pulled."""
    installation.backend("touch pulled")
    if content is not None:
        (installation.folder / name).write_bytes(content)
    status, errors = installation.run(name)
    assert status == 1
    assert name in errors
    assert message in errors
    assert not (installation.folder / "pulled").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_pull_ends_both_programs(installation: Installation, number: int) -> None:
    """The pull is ended too, nothing is left, and the status tells of the signal."""
    installation.backend("echo $$ > pid; exec sleep 60")
    noted = installation.folder / "pid"
    with installation.start() as process:
        end = time.monotonic() + DEADLINE
        while not (noted.exists() and noted.read_text().strip()):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 128 + number
    assert errors.strip() == "pilotfish demo: stopped"
    assert not psutil.pid_exists(int(noted.read_text()))
    assert installation.left_behind() == []
