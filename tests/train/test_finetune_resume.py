"""A training that was killed goes on as if nothing had been."""

import json
import signal
from pathlib import Path

import pytest

from harness.finetuning import SHORT, Training, all_gone, command, losses, record, run, saved, write_data
from harness.tiny_codegen import write_codegen

pytestmark = pytest.mark.timeout(600)
OPTIONS = (*SHORT, "--save-steps", "3")


@pytest.fixture(scope="module")
def whole(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training, not killed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = run(command(base, data, out, *OPTIONS))
    assert done.status == 0, done.said
    return out


def test_a_killed_training_goes_on(base: Path, data: Path, whole: Path, tmp_path: Path) -> None:
    """A kill -9 ends the command, and its worker ends by itself; --resume goes on after the last whole checkpoint.

    A later checkpoint that is not whole is left out. The losses, and the tuned weights, are those of the training that
    was not killed; the steps that were done twice are in the curve once.
    """
    out = tmp_path / "out"
    with Training(command(base, data, out, *OPTIONS)) as training:
        training.until(saved(3))
        family = training.family()
        training.process.send_signal(signal.SIGKILL)
        training.wait()
        assert all_gone(family)
    checkpoints = out / "checkpoints"
    # As if the kill had come in the midst of the next one: all files are there, and one is short.
    half = checkpoints / "checkpoint-6"
    if not half.exists():
        half.mkdir()
    (half / "whole.json").write_text(json.dumps({"model.safetensors": 1000}))
    (half / "model.safetensors").write_bytes(b"short")
    refused = run(command(base, data, out, *OPTIONS))
    assert refused.status == 1
    assert "--resume" in refused.said
    done = run(command(base, data, out, *OPTIONS, "--resume"))
    assert done.status == 0, done.said
    assert "Going on after step 3" in done.said
    assert "step 4 of 8" in done.said
    assert "step 1 of 8" not in done.said
    assert "checkpoint-6 was not written to its end" in done.said
    assert [step["step"] for step in record(out)["steps"]] == list(range(1, 9))
    assert losses(out) == pytest.approx(losses(whole), abs=1e-5)
    assert record(out)["validation"] == [
        pytest.approx(evaluation, rel=1e-4) for evaluation in record(whole)["validation"]
    ]


def test_another_training_is_not_gone_on_with(base: Path, data: Path, tmp_path: Path) -> None:
    """With other settings, other data or another base, --resume is refused by name; then it goes on all the same."""
    out = tmp_path / "out"
    with Training(command(base, data, out, *OPTIONS, "--max-steps", "300")) as training:
        training.until(saved(3))
        training.interrupt()
        stopped = training.wait()
    assert stopped.status == 130
    assert "--resume goes on after step" in stopped.said
    other = write_data(tmp_path / "other", sources=("bisect", "stat", "shlex", "queue", "copy", "sched"))
    another = write_codegen(tmp_path / "another", layers=1, seed=1)
    for argv, named in (
        (command(base, data, out, *OPTIONS, "--seed", "5", "--resume"), "--seed: was 0, is 5"),
        (command(base, other, out, *OPTIONS, "--resume"), "--data (the files' content)"),
        (command(another, data, out, *OPTIONS, "--resume"), "BASE (its files)"),
    ):
        done = run(argv)
        assert done.status == 1
        assert named in done.said


def test_nothing_to_go_on_with(base: Path, data: Path, whole: Path, tmp_path: Path) -> None:
    """Without a checkpoint --resume begins at the beginning, and a finished training is left as it is."""
    out = tmp_path / "out"
    done = run(command(base, data, out, *OPTIONS, "--max-steps", "2", "--resume"))
    assert done.status == 0
    assert "begins at its beginning" in done.said
    before = (whole / "model.safetensors").stat().st_mtime_ns
    done = run(command(base, data, whole, *OPTIONS, "--resume"))
    assert (done.status, "is finished" in done.said) == (0, True)
    assert (whole / "model.safetensors").stat().st_mtime_ns == before
