"""Failures that can be had on any Linux, really had, and what a person is told of them."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from harness.finetuning import SHORT, Done, command, run, write_data
from harness.tiny_codegen import write_codegen

pytestmark = pytest.mark.timeout(600)
TWO = ("--gpus", "2", "--deepspeed", "zero2")
SMALL_SHARED_MEMORY = 'mount -t tmpfs -o size=4k tmpfs /dev/shm && exec "$@"'
"""Room for one process's first page, and none for the other's. DeepSpeed's want 69 MB each, a container has 64 MB; what
comes of that hangs on which of them writes first."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base and a data set."""
    work = tmp_path_factory.mktemp("failures")
    write_codegen(work / "base", layers=1)
    write_data(work / "data")
    return work


def fail(work: Path, out: Path, *more: str, before: tuple[str, ...] = (), **environment: str) -> Done:
    """Run a training that is to fail; it does so with a clear message, and no traceback."""
    argv = command(work / "base", work / "data", out, *SHORT, *more)
    done = run([*before, *argv], env={**os.environ, **environment})
    assert done.status == 1, done.said
    assert "Traceback" not in done.said
    assert "workers.log" in done.said
    return done


def test_too_little_shared_memory(work: Path, tmp_path: Path) -> None:
    """In a small /dev/shm DeepSpeed's processes die; told are --ipc=host and --shm-size."""
    unshare = ("unshare", "--mount", "--map-root-user", "sh", "-c", SMALL_SHARED_MEMORY, "sh")
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a /dev/shm of one's own")
    done = fail(work, tmp_path / "out", *TWO, before=unshare)
    assert "/dev/shm" in done.said
    assert "--ipc=host" in done.said
    assert "--shm-size" in done.said


def test_no_compiler(work: Path, tmp_path: Path) -> None:
    """DeepSpeed has nothing to compile with: told is what to install."""
    shell = tmp_path / "bin"
    shell.mkdir()
    (shell / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    done = fail(work, tmp_path / "out", *TWO, PATH=str(shell), TORCH_EXTENSIONS_DIR=str(tmp_path / "ext"))
    assert "finds nothing to compile with" in done.said
    assert "build-essential" in done.said


def test_a_loss_that_is_no_number(work: Path, tmp_path: Path) -> None:
    """Weights beyond all reason: the training stops at once, and says to lower the rate. No model is written."""
    shutil.copytree(work / "base", tmp_path / "base")
    weights = load_file(work / "base" / "model.safetensors")
    weights["transformer.ln_f.weight"] *= np.float32(1e38)
    save_file(weights, tmp_path / "base" / "model.safetensors", {"format": "pt"})
    (tmp_path / "data").symlink_to(work / "data")
    done = fail(tmp_path, tmp_path / "out")
    assert "diverged" in done.said
    assert "--learning-rate" in done.said
    assert not (tmp_path / "out" / "config.json").exists()


def test_a_full_disk(work: Path, tmp_path: Path) -> None:
    """There is room for the beginning but not for the training: it is said before anything is trained."""
    place = tmp_path / "small"
    place.mkdir()
    mount = f'mount -t tmpfs -o size=8m tmpfs {place} && exec "$@"'
    unshare = ("unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh")
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a disk of one's own")
    argv = command(work / "base", work / "data", place / "out", *SHORT)
    done = run([*unshare, *argv])
    assert done.status == 1
    assert "Make room" in done.said


@pytest.mark.parametrize("library", ["peft", "deepspeed"])
def test_a_missing_library(work: Path, tmp_path: Path, library: str) -> None:
    """A library that only an option needs is not there: the extra that brings it is told, before anything is done."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    # A finder that comes before all others and knows nothing of it.
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hides:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {library!r}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Hides())\n"
    )
    path = [str(hidden), *filter(None, [os.environ.get("PYTHONPATH")])]
    argv = command(work / "base", work / "data", tmp_path / "out", *SHORT, "--lora", "--deepspeed", "zero2")
    done = run(argv, env={**os.environ, "PYTHONPATH": os.pathsep.join(path)})
    assert done.status == 2, done.said
    assert library in done.said
    assert "pilotfish[train]" in done.said
    assert not (tmp_path / "out").exists()
