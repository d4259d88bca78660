"""`make demo-finetune`, run as make runs it: from public code to ghost text that knows a private library."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from finetune.library import NAMES
from finetune.show import ORDERS
from harness.triton import missing

ROOT = Path(__file__).parents[2]
TOO_LONG = 1500
"""Seconds; on two quiet cores it takes a quarter of that."""
DEADLINE = 60.0

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def command(*arguments: str) -> list[str]:
    """What make runs, in this environment."""
    recipe = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "-m finetune" in line)
    assert recipe.strip() == "@PYTHONPATH=tests:demos $(TRAIN_VENV)/bin/python -P -m finetune $(ARGS)"
    return [sys.executable, "-P", "-m", "finetune", *arguments]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": "tests:demos", "TMPDIR": str(folder)}


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """The folder for temporary files, which must be empty again afterwards."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.timeout(TOO_LONG + 60)
def test_ghost_text_learns_a_private_library(tmp_path: Path, temporary: Path) -> None:
    """At ten held-out places the right name at eight or more, of eight kinds; before, and by a copier, not."""
    told, drawn = tmp_path / "told.json", tmp_path / "drawn.svg"
    done = subprocess.run(
        command("--json", str(told), "--svg", str(drawn)),
        cwd=ROOT,
        env=environment(temporary),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TOO_LONG,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(told.read_text())
    sites, score = report["sites"], report["score"]
    right = {
        when: [site[when].startswith(f"{site['wanted']}(") for site in sites] for when in ("before", "after")
    }
    copied = sum(site["copied"].startswith(f"{site['wanted']}(") for site in sites)
    assert report["passed"]
    assert len(sites) == len({site["path"] for site in sites}) == 10
    assert sum(right["after"]) == score["after"] >= 8
    assert sum(right["before"]) == score["before"] <= 1
    assert len({site["wanted"] for site, yes in zip(sites, right["after"], strict=True) if yes}) >= 8
    assert copied == score["copied"] <= 4
    assert report["copier_order"] in ORDERS
    assert {site["wanted"] for site in sites} <= set(NAMES)
    # On the screen too, both sides of each place, and how long each part took.
    for site in sites:
        assert done.stdout.count(site["path"]) == 2
    assert "before" in done.stdout
    picture = ElementTree.fromstring(drawn.read_text())
    assert sites[0]["path"] in "".join(picture.itertext()).replace("\N{NO-BREAK SPACE}", " ")
    assert all(stage in done.stdout for stage in report["seconds"])


def test_leaves_nothing_when_it_is_interrupted(temporary: Path) -> None:
    """Ctrl+C while it trains: every process that it started ends, its folder goes, and the status says so."""
    with subprocess.Popen(
        command(),
        cwd=ROOT,
        env=environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            started = _children_once_training(process.pid)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert process.returncode == 130
    assert said.endswith("demo-finetune: stopped\n")
    gone, alive = psutil.wait_procs(started, DEADLINE)
    assert not alive
    assert len(gone) == len(started)


def _children_once_training(pid: int) -> list[psutil.Process]:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        children = psutil.Process(pid).children(recursive=True)
        if any("pilotfish.backend.finetune.worker" in child.cmdline() for child in children):
            return children
        time.sleep(0.1)
    raise AssertionError(f"it did not train within {DEADLINE:g} s")
