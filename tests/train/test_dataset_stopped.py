"""Building a data set that takes a while: stopped, killed, with several processes, and twice at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from backend.dataset_trees import write
from pilotfish.backend.finetune.dataset.build import build
from pilotfish.backend.finetune.dataset.folder import staged
from pilotfish.backend.finetune.dataset.options import DatasetError, DatasetOptions
from pilotfish.backend.models.progress import Silent

SECONDS = 60
MEGABYTES = 8


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than can be read before a test has done what it is about."""
    root = tmp_path_factory.mktemp("large")
    for number in range(MEGABYTES * 4):
        lines = (
            f"def f_{number}_{step}(a, b):\n    return a * {step * 7919 % 1009} + b_{step}\n"
            for step in range(4500)
        )
        write(root / f"part{number % 7}", {f"module{number}.py": "".join(lines)})
    return root


@pytest.fixture
def building(large: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A build over an older data set, by a group of processes as a terminal would start it; it has begun to read."""
    write(tmp_path / "data", {"train.jsonl": "old", "validation.jsonl": "", "report.json": "{}"})
    command = [sys.executable, "-P", "-m", "pilotfish.backend", "dataset", "build", str(large), "--force"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "data")], stderr=subprocess.PIPE, text=True, process_group=0
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip() == "5 %":
                break
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def until(done: Callable[[], bool]) -> None:
    """Wait for something, but not for ever."""
    end = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("to_all", [True, False], ids=["from the terminal", "to the parent alone"])
def test_interrupted_it_leaves_the_old_one(
    building: subprocess.Popen[str], tmp_path: Path, *, to_all: bool
) -> None:
    """Ctrl+C: one sentence, status 130, the old data set as it was and nothing beside it, no process left."""
    helpers = psutil.Process(building.pid).children(recursive=True)
    (os.killpg if to_all else os.kill)(building.pid, signal.SIGINT)
    _, said = building.communicate(timeout=SECONDS)
    assert building.returncode == 130
    assert f"stopped. {tmp_path / 'data'} is as it was." in said
    assert "Traceback" not in said
    assert (tmp_path / "data" / "train.jsonl").read_text() == "old"
    assert {entry.name for entry in tmp_path.iterdir()} == {"data"}
    until(lambda: not any(each.is_running() for each in helpers))


@pytest.mark.parametrize("seconds", [0.02, 0.04, 0.06])
def test_helpers_that_are_just_starting_say_nothing_of_an_interruption(
    large: Path, tmp_path: Path, seconds: float
) -> None:
    """Ctrl+C goes to them too; only the parent answers."""
    command = [sys.executable, "-P", "-m", "pilotfish.backend", "dataset", "build", str(large)]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "data")], stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        parent = psutil.Process(process.pid)
        until(lambda: any("spawn_main" in " ".join(each.cmdline()) for each in parent.children()))
        time.sleep(seconds)  # they import: there is nothing to wait for
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_killed_it_leaves_the_old_one_and_no_process(
    building: subprocess.Popen[str], large: Path, tmp_path: Path
) -> None:
    """By kill -9: the helpers go too, the old data set is there, and the next run clears away what was begun."""
    helpers = psutil.Process(building.pid).children(recursive=True)
    assert len(os.sched_getaffinity(0)) == 1 or len(helpers) > 1
    building.kill()
    building.wait(SECONDS)
    until(lambda: not any(each.is_running() and each.status() != "zombie" for each in helpers))
    assert (tmp_path / "data" / "train.jsonl").read_text() == "old"
    assert {entry.name for entry in tmp_path.iterdir()} == {"data", ".data.unfinished"}
    small = DatasetOptions(sources=(str(large / "part0"),), out=tmp_path / "data", force=True)
    build(small, Silent())
    assert {entry.name for entry in tmp_path.iterdir()} == {"data"}
    assert (tmp_path / "data" / "train.jsonl").stat().st_size > 1000


def test_a_killed_helper_is_said(building: subprocess.Popen[str], tmp_path: Path) -> None:
    """The system ends a process that takes too much memory: what was built before stays."""
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("one processor, and so no helpers")
    workers = [
        each for each in psutil.Process(building.pid).children() if "spawn_main" in " ".join(each.cmdline())
    ]
    workers[0].kill()
    _, said = building.communicate(timeout=SECONDS)
    assert building.returncode == 1
    assert "A process that examined files was killed" in said
    assert (tmp_path / "data" / "train.jsonl").read_text() == "old"
    assert {entry.name for entry in tmp_path.iterdir()} == {"data"}


def test_several_processes_write_the_same(large: Path, tmp_path: Path) -> None:
    """One process or three: the same bytes."""
    folders = []
    for processes in (1, 3):
        folders.append(tmp_path / f"by{processes}")
        sources = tuple(str(large / f"part{number}") for number in range(4))
        build(DatasetOptions(sources=sources, out=folders[-1], processes=processes, validation=0.3), Silent())
    for name in ("train.jsonl", "validation.jsonl", "report.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_two_at_once_do_not_write_the_same_folder(tmp_path: Path) -> None:
    """The second is told of the first."""
    with (
        staged(tmp_path / "data", force=False),
        pytest.raises(DatasetError, match="Another run is building"),
        staged(tmp_path / "data", force=False),
    ):
        pass
    assert (tmp_path / "data").is_dir()
