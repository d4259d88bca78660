"""The place of the tuned model: whether it may be taken, and how the model takes it, whole or not at all."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pilotfish.backend.converter.exchange import exchange, settle

from .problems import FinetuneError
from .resume import last_whole
from .work_folder import CHECKPOINTS, WorkFolder

RECORD = "training.json"
"""By which a tuned model is known as ours."""
PICTURE = "loss.png"
_ADAPTER = "adapter"


def is_finished(out: Path) -> bool:
    """Whether a training was finished there."""
    return (out / RECORD).is_file()


def stopped_after(out: Path) -> int | None:
    """The step of the last whole checkpoint of a training there that has not come to its end; None: there is none.

    Those of one that has, which --keep-checkpoints leaves, lie beside its result.
    """
    folder = WorkFolder(out / CHECKPOINTS)
    whole = None if folder.result.is_file() else last_whole(folder.path)
    return whole[1] if whole else None


def check_place(out: Path, *, force: bool, resume: bool) -> None:
    """Raise ``FinetuneError`` unless a training may write there."""
    if not out.exists():
        return
    if not out.is_dir():
        raise FinetuneError(f"--out: {out} is a file. Name a folder.")
    others = [path.name for path in out.iterdir() if path.name != CHECKPOINTS]
    if others and not is_finished(out):
        raise FinetuneError(
            f"--out: {out} holds {_some(others)}, which no training of ours has written. Name another folder."
        )
    if is_finished(out) and not force and not resume:
        raise FinetuneError(
            f"--out: {out} holds a tuned model. Name another folder, or replace it with --force."
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:3]) + (" and more" if len(names) > 3 else "")


@contextmanager
def held(out: Path) -> Iterator[WorkFolder]:
    """The work folder in ``out``, held against other trainings; the lock goes with the process."""
    path = out / CHECKPOINTS
    try:
        settle(out)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FinetuneError(
            f"--out: {out} can't be made or written to: {error.strerror or error}. Name another folder."
        ) from error
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FinetuneError(f"--out: another training is writing {out}. Wait, or name another.") from None
        yield WorkFolder(path)
    finally:
        os.close(descriptor)
        for empty in (path, out):  # a folder that nothing came into is not left behind
            with suppress(OSError):
                empty.rmdir()


def complete(
    folder: WorkFolder, *, config: Mapping[str, Any], copied: Mapping[str, Path], record: Mapping[str, Any]
) -> None:
    """Put beside the tuned weights what is copied of the base, and the record of the training."""
    model = folder.model
    (model / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    for name, path in copied.items():
        shutil.copyfile(path, model / name)
    (model / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    if folder.adapter.is_dir():
        folder.adapter.replace(model / _ADAPTER)


def take_place(folder: WorkFolder, out: Path, *, keep: bool) -> None:
    """Put the model in ``out``, in the place of what is there."""
    beside = out.with_name(f".{out.name}.finished")
    shutil.rmtree(beside, ignore_errors=True)
    folder.model.replace(beside)
    if keep:
        folder.path.rename(beside / CHECKPOINTS)
    exchange(beside, out)
    shutil.rmtree(beside, ignore_errors=True)
