"""The option that makes skips failures."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no model here")
def test_marked():
    pass

def test_finds_out():
    pytest.skip("no network here")

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", "-p", "harness.no_skips", "-p", "no:cacheprovider", *options]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": ""}
    return subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("options", "status", "counts"),
    [
        ((), 0, "1 passed, 2 skipped, 1 xfailed"),
        (("--no-skips",), 1, "1 failed, 1 passed, 1 xfailed, 1 error"),
    ],
)
def test_skips_fail_only_when_asked_for(
    tmp_path: Path, options: tuple[str, ...], status: int, counts: str
) -> None:
    """Skipped tests fail with --no-skips and only then; an expected failure never does."""
    done = run_pytest(tmp_path, *options)
    assert done.returncode == status, done.stdout
    assert counts in done.stdout.splitlines()[-1]


def test_a_refused_skip_tells_its_reason(tmp_path: Path) -> None:
    """The reason for the skip can be read in the failure."""
    shown = run_pytest(tmp_path, "--no-skips").stdout
    assert "no model here" in shown
    assert "no network here" in shown
