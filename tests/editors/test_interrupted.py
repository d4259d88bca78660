"""A run that is interrupted leaves nothing behind, even where taking it down breaks off."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.installed_editors import ROOT, editors_folder, user_environment

TESTS = """
import asyncio
import subprocess
from pathlib import Path

import pytest
from editors.conftest import team_backend, world

@pytest.fixture
def breaks():
    yield
    raise asyncio.CancelledError  # as an interrupted browser does

def test_waits(world, team_backend, breaks):
    waiting = subprocess.Popen(["sleep", "600"], env=world.env)
    Path("new").write_text(f"{waiting.pid} {team_backend.pid}")
    Path("new").rename("pids")
    waiting.wait()
"""

RUN = """
import signal, sys
import pytest
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin without it
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    """The user's processes and the team's backend end with the run."""
    user_environment()
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "EDITORS": str(editors_folder())}
    argv = [sys.executable, "-c", RUN, "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'base'}"]
    with (tmp_path / "log").open("w") as log:
        run = subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    pids = tmp_path / "pids"
    deadline = time.monotonic() + 60
    while not pids.exists():
        assert run.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = [psutil.Process(int(pid)) for pid in pids.read_text().split()]
    run.send_signal(number)
    assert run.wait(60) != 0
    gone, left = psutil.wait_procs(started, timeout=5)
    assert not left, (tmp_path / "log").read_text()
    assert len(gone) == 2
