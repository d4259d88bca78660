"""Sources that are made to do harm, or that only have odd names, to `dataset build` as its own script runs it."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from backend.dataset_trees import sources, write

SCRIPT = Path(sysconfig.get_path("scripts"), "pilotfish-backend")


def dataset(*arguments: str | bytes | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as it is installed."""
    command = [sys.executable, SCRIPT, "dataset", "build", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=90, cwd=cwd)


def rows(out: Path) -> list[dict[str, str]]:
    """All rows of a data set."""
    lines = [(out / name).read_text("utf-8").splitlines() for name in ("train.jsonl", "validation.jsonl")]
    return [json.loads(line) for part in lines for line in part]


def test_no_module_of_a_source_is_run(tmp_path: Path) -> None:
    """Not even where the source is the working directory and has modules with the names of Python's own."""
    trap = "open('ran', 'w').close()\n"
    source = write(tmp_path / "src", dict.fromkeys(("multiprocessing.py", "signal.py", "selectors.py"), trap))
    for number in range(12):  # as much as several processes are started for
        lines = (
            f"def f_{number}_{step}(a):\n    return a + {step * 7919 % 1009}\n" for step in range(12_000)
        )
        write(source, {f"module{number}.py": "".join(lines)})
    done = dataset(".", "--out", "../data", cwd=source)
    assert not (source / "ran").exists()
    assert done.returncode == 0, done.stderr


def test_a_link_is_not_cleared(tmp_path: Path) -> None:
    """A data set that is reached by a link is replaced where it is; a link in the place of our work is refused."""
    write(tmp_path / "src", sources("one", "two", "three"))
    (tmp_path / "real").mkdir()
    (tmp_path / "data").symlink_to("real")
    for number in range(3):
        write(tmp_path / "src", sources(f"more{number}"))
        assert dataset("src", "--out", "data", "--force", cwd=tmp_path).returncode == 0
        assert len(rows(tmp_path / "real")) == 4 + number
        assert {entry.name for entry in tmp_path.iterdir()} == {"src", "real", "data"}
        assert (tmp_path / "data").is_symlink()
    write(tmp_path / "precious", {"notes.txt": "mine"})
    (tmp_path / "src" / ".data.unfinished").symlink_to(tmp_path / "precious")
    done = dataset("src", "--out", "src/data", cwd=tmp_path)
    assert (done.returncode, "is a link, and in the way" in done.stderr) == (1, True)
    assert (tmp_path / "precious" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"caf\xe9", "caf\ufffd"),
        (b"two\nlines", "two\ufffdlines"),
        (b"\x1b[2Jred\xc2\x9b1m", "\ufffd[2Jred\ufffd1m"),
    ],
)
def test_a_source_of_an_odd_name_is_named_otherwise(tmp_path: Path, name: bytes, said: str) -> None:
    """A repository's name is a text of one line, which does nothing to a terminal."""
    source = tmp_path / os.fsdecode(name)
    write(source, {**sources("one", "two"), "key.py": "token = 'ghp_" + "a1B2c3D4e" * 4 + "'\n"})
    done = dataset(name, "--out", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {row["repo"] for row in rows(tmp_path / "data")} == {said}
    assert f"secret: {said}: key.py, line 1" in done.stderr
    table = source.with_name(source.name + ".txt")
    table.write_text("A line.\n" * 9)
    assert dataset(os.fsencode(table.name), "--out", "other", cwd=tmp_path).returncode == 0
    assert {row["repo"] for row in rows(tmp_path / "other")} == {said}
