"""What a run that needed a second try says."""

import subprocess
import sys
from pathlib import Path

TESTS = """
from pathlib import Path

def test_at_the_second_try():
    flag = Path(__file__).with_name("flag")
    was_there = flag.exists()
    flag.touch()
    assert was_there, "a cause to find"
"""


def test_shows_the_cause_of_a_rerun(tmp_path: Path) -> None:
    """The run passes, and its end shows the first run's failure."""
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", "-p", "harness.reruns", "-p", "no:cacheprovider", "--reruns", "1"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": ""}
    done = subprocess.run(
        argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "1 first runs failed and were repeated" in done.stdout
    assert "a cause to find" in done.stdout
