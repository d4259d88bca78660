"""Checkpoints and the tuned model on the disk: which of them are whole, and what is taken, replaced and left."""

import json
from pathlib import Path

import pytest

from pilotfish.backend.finetune.output import check_place, held, stopped_after, take_place
from pilotfish.backend.finetune.problems import FinetuneError
from pilotfish.backend.finetune.resume import checkpoint_bytes, is_whole, last_whole, seal
from pilotfish.backend.finetune.work_folder import WorkFolder


def checkpoint(folder: Path, step: int) -> Path:
    """A sealed checkpoint, with a folder in it as DeepSpeed has one."""
    path = folder / f"checkpoint-{step}"
    (path / "global_step").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"x" * 10)
    (path / "global_step" / "optimizer.pt").write_bytes(b"x" * 10)
    seal(folder, step)
    return path


def test_the_newest_is_the_one_of_the_highest_step(tmp_path: Path) -> None:
    """Steps are numbers: 10 comes after 9."""
    for step in (9, 10):
        checkpoint(tmp_path, step)
    assert last_whole(tmp_path) == (tmp_path / "checkpoint-10", 10)


@pytest.mark.parametrize("file", ["model.safetensors", "global_step/optimizer.pt"])
def test_every_file_of_a_checkpoint_must_be_as_it_was_sealed(tmp_path: Path, file: str) -> None:
    """Also one in a folder of it; one that is shorter, longer or gone makes it no checkpoint."""
    path = checkpoint(tmp_path, 1)
    for size in (9, 11):
        (path / file).write_bytes(b"x" * size)
        assert not is_whole(path)
    (path / file).write_bytes(b"y" * 10)
    assert is_whole(path)
    (path / file).unlink()
    assert not is_whole(path)


def test_a_checkpoint_may_be_sealed_again(tmp_path: Path) -> None:
    """As when a step is done a second time: its own seal is no part of it."""
    path = checkpoint(tmp_path, 1)
    (path / "scheduler.pt").write_bytes(b"x")
    seal(tmp_path, 1)
    assert is_whole(path)
    assert set(json.loads((path / "whole.json").read_text())) == {
        "model.safetensors",
        "scheduler.pt",
        "global_step/optimizer.pt",
    }


@pytest.mark.parametrize("text", ["", "[]", "3", '{"a": '])
def test_a_seal_that_is_none_seals_nothing(tmp_path: Path, text: str) -> None:
    """Whatever stands in it, a training that is gone on with does not fail of it."""
    path = checkpoint(tmp_path, 1)
    (path / "whole.json").write_text(text)
    assert last_whole(tmp_path) is None


def test_what_may_be_written_to(tmp_path: Path) -> None:
    """What is not there or empty, and what a training has left; not a file, nor a folder with something else."""
    out = tmp_path / "out"
    check_place(out, force=False, resume=False)
    (out / "checkpoints").mkdir(parents=True)
    check_place(out, force=False, resume=False)
    for name in "abcd":
        (out / f"{name}.txt").touch()
    with pytest.raises(FinetuneError, match=r"holds a\.txt, b\.txt, c\.txt and more, which no training"):
        check_place(out, force=True, resume=True)
    (out / "training.json").touch()
    for force, resume in ((True, False), (False, True)):
        check_place(out, force=force, resume=resume)
    with pytest.raises(FinetuneError, match=r"holds a tuned model.*--force"):
        check_place(out, force=False, resume=False)
    with pytest.raises(FinetuneError, match="is a file"):
        check_place(out / "a.txt", force=True, resume=True)


def test_two_trainings_do_not_write_the_same_model(tmp_path: Path) -> None:
    """The second is told of the first, whose folder stays as it is; after the first, it may."""
    out = tmp_path / "out"
    with held(out) as folder:
        (folder.path / "job.json").write_text("mine")
        with pytest.raises(FinetuneError, match="another training is writing"), held(out):
            pass
        assert folder.job.read_text() == "mine"
    with held(out) as folder:
        assert folder.job.read_text() == "mine"


def test_a_model_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    """Where two folders can't be swapped, a kill -9 may leave the old model beside its place."""
    aside = tmp_path / ".out.replaced"
    aside.mkdir()
    (aside / "training.json").write_text("old")
    with held(tmp_path / "out"):
        assert (tmp_path / "out" / "training.json").read_text() == "old"
    assert not aside.exists()


@pytest.mark.parametrize("keep", [True, False])
def test_the_tuned_model_takes_its_place(tmp_path: Path, *, keep: bool) -> None:
    """With its checkpoints only if they are to be kept; what was there before is gone, and nothing lies beside it."""
    out = tmp_path / "out"
    folder = WorkFolder(out / "checkpoints")
    checkpoint(folder.path, 7)
    folder.model.mkdir()
    (folder.model / "training.json").write_text("new")
    (out / "training.json").write_text("old")
    take_place(folder, out, keep=keep)
    assert (out / "training.json").read_text() == "new"
    assert last_whole(out / "checkpoints") == ((out / "checkpoints" / "checkpoint-7", 7) if keep else None)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {path.name for path in out.iterdir()} == {"training.json", *(["checkpoints"] if keep else [])}


def test_a_place_that_can_not_be_made_is_said_as_such(tmp_path: Path) -> None:
    """By the option's name and the system's words."""
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(FinetuneError, match=r"--out: .* Not a directory\. Name another"),
        held(tmp_path / "file" / "out"),
    ):
        pass


def test_room_that_checkpoints_have_is_not_asked_for_again(tmp_path: Path) -> None:
    """What is there is counted, in folders too, and blocks beside it are not."""
    assert checkpoint_bytes(tmp_path) == checkpoint_bytes(tmp_path / "none") == 0
    for step in (10, 20):
        checkpoint(tmp_path, step)
    (tmp_path / "train.blocks").write_bytes(b"x" * 1000)
    assert checkpoint_bytes(tmp_path) == 40


def test_a_training_that_was_to_replace_a_model_is_known(tmp_path: Path) -> None:
    """By its checkpoints; those that are kept of a training which came to its end are not of one that stopped."""
    assert stopped_after(tmp_path) is None
    folder = WorkFolder(tmp_path / "checkpoints")
    checkpoint(folder.path, 10)
    checkpoint(folder.path, 20)
    assert stopped_after(tmp_path) == 20
    folder.result.write_text("{}")
    assert stopped_after(tmp_path) is None
