"""Several processes on the CPU, by DeepSpeed's launcher and by torch alone, held to what one process does."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.numpy import load_file

from harness.finetuning import SHORT, Training, all_gone, command, losses, record, run

pytestmark = pytest.mark.timeout(900)
COMMON = (*SHORT, "--save-steps", "3", "--max-steps", "14")
"""One process has batches of four, two have batches of two: the same blocks in a step."""
TWO = ("--gpus", "2", "--batch-size", "2")
SHARED_MEMORY = Path("/dev/shm")
LOSS_BAR = 1e-4
WEIGHT_BAR = 1e-3
"""Differences to one process, of losses around 18 and of weights around 1: sums in another order, and Adam of another
make. A step moves a weight by up to 1e-3."""


@pytest.fixture(scope="module")
def alone(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of it."""
    out = tmp_path_factory.mktemp("alone") / "out"
    done = run(command(base, data, out, *COMMON))
    assert done.status == 0, done.said
    return out


def check_same(out: Path, alone: Path) -> None:
    """The same curve, step by step, the same perplexities and the same weights."""
    apart = max(abs(one - other) for one, other in zip(losses(out), losses(alone), strict=True))
    ours, theirs = load_file(out / "model.safetensors"), load_file(alone / "model.safetensors")
    assert ours.keys() == theirs.keys()
    weights = max(float(abs(ours[name] - theirs[name]).max()) for name in ours)
    print(f"losses apart by {apart:.1e}, weights by {weights:.1e}")
    assert apart < LOSS_BAR
    assert weights < WEIGHT_BAR
    for one, other in zip(record(out)["validation"], record(alone)["validation"], strict=True):
        assert one["step"] == other["step"]
        assert one["loss"] == pytest.approx(other["loss"], abs=LOSS_BAR)


@pytest.fixture(autouse=True)
def shared_memory() -> Iterator[None]:
    """No training leaves shared memory behind, whatever has ended it."""
    before = set(SHARED_MEMORY.iterdir())
    yield
    assert [each for each in SHARED_MEMORY.iterdir() if each not in before and "deepspeed" in each.name] == []


def newest(events: Sequence[Mapping[str, Any]]) -> int:
    """The step of the newest whole checkpoint; 0: there is none."""
    return max((event["step"] for event in events if event["kind"] == "saved"), default=0)


def until_it_has_saved(training: Training, before: int) -> list[psutil.Process]:
    """Wait until a checkpoint is whole that was not there before; all processes of the training."""
    training.until(lambda events: newest(events) > before)
    family = training.family()
    assert len(training.workers()) == 2
    return family


def test_zero2_is_one_process_whatever_ends_it(base: Path, data: Path, alone: Path, tmp_path: Path) -> None:
    """The ZeRO-2 preset, ended three times, gives what one process gives that nobody ended.

    A kill -9 of one worker ends all and is explained; so does Ctrl+C, with the status 130 and the way to go on; a
    kill -9 of the command ends launcher and workers too. It is started in a folder that a launcher or Python might take
    something from: nothing is.
    """
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("deepspeed.py", "torch.py", "sitecustomize.py", "json.py"):
        (trap / name).write_text("raise SystemExit('this is the code of a stranger')\n")
    (trap / ".deepspeed_env").write_text("WORLD_SIZE=7\n")
    (trap / "hostfile").write_text("stranger slots=4\n")
    out = tmp_path / "out"
    argv = command(base, data, out, *COMMON, *TWO, "--deepspeed", "zero2")
    with Training(argv, cwd=trap) as training:
        family = until_it_has_saved(training, 0)
        training.workers()[1].kill()
        failed = training.wait()
        assert all_gone(family)
        step = newest(training.events())
    assert failed.status == 1
    assert "a worker was killed (SIGKILL)" in failed.said
    assert "with --resume" in failed.said
    with Training([*argv, "--resume"], cwd=trap) as training:
        family = until_it_has_saved(training, step)
        training.interrupt()
        stopped = training.wait()
        assert all_gone(family)
        step = newest(training.events())
    assert stopped.status == 130
    assert f"--resume goes on after step {step}" in stopped.said
    with Training([*argv, "--resume"], cwd=trap) as training:
        family = until_it_has_saved(training, step)
        training.process.kill()
        training.wait()
        assert all_gone(family)
        step = newest(training.events())
    done = run([*argv, "--resume"], cwd=trap)
    assert done.status == 0, done.said
    assert f"Going on after step {step}" in done.said
    assert f"step {step + 1} of 14" in done.said
    assert "step 1 of 14" not in done.said
    settings = record(out)["settings"]
    assert settings["world"] == 2
    assert settings["deepspeed"]["zero_optimization"]["offload_optimizer"]["device"] == "cpu"
    check_same(out, alone)


def test_zero3_is_one_process(base: Path, data: Path, alone: Path, tmp_path: Path) -> None:
    """The weights, which no process has whole while it trains, are whole in the end."""
    out = tmp_path / "out"
    done = run(command(base, data, out, *COMMON, *TWO, "--deepspeed", "zero3"))
    assert done.status == 0, done.said
    check_same(out, alone)


def test_torch_alone_is_one_process(base: Path, data: Path, alone: Path, tmp_path: Path) -> None:
    """Several processes without DeepSpeed."""
    out = tmp_path / "out"
    done = run(command(base, data, out, *COMMON, *TWO))
    assert done.status == 0, done.said
    check_same(out, alone)
