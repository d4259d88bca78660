"""Writes a data set's folder beside its place and gives it its name when it is whole.

A run that is killed leaves the place as it was, and its work in a hidden folder, which the next run clears away.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pilotfish.backend.converter.exchange import exchange, settle

from .options import DatasetError

TRAIN, VALIDATION, REPORT = "train.jsonl", "validation.jsonl", "report.json"
NAMES = frozenset((TRAIN, VALIDATION, REPORT))


def check_place(out: Path, *, force: bool) -> None:
    """Raise ``DatasetError`` unless ``out`` is free, an empty folder, or a data set that is to be replaced by force."""
    if out.is_dir():
        names = {entry.name for entry in out.iterdir()}
        if not names:
            return
        if not names <= NAMES or REPORT not in names:
            other = min(names - NAMES, default="no report")
            raise DatasetError(
                f"{out} holds what is no data set of ours ({other}). Choose another --out, or clear it away."
            )
        if not force:
            raise DatasetError(f"{out} is there already. Choose another --out, or replace it with --force.")
    elif out.exists() or out.is_symlink():
        raise DatasetError(f"{out} is there and is no folder. Choose another --out.")


def check_sources(out: Path, sources: list[Path], *, force: bool) -> None:
    """Raise ``DatasetError`` if writing ``out`` could take a source away."""
    for source in sources:
        if out == source or out in source.parents:
            raise DatasetError(
                f"{source} lies in --out {out}, which would be replaced. Choose another --out."
            )
    check_place(out, force=force)


def stage_of(out: Path) -> Path:
    """Where the folder is written."""
    return out.with_name(f".{out.name}.unfinished")


@contextmanager
def staged(out: Path, *, force: bool) -> Iterator[Path]:
    """Write the folder ``out`` by writing the one that this gives; ``out`` changes if the block ends well.

    ``out`` is absolute and has no links in it. Raises ``DatasetError`` if it must not be replaced, or is being written
    by another run.
    """
    stage = stage_of(out)
    try:
        settle(out)
        check_place(out, force=force)
        stage.mkdir(parents=True, exist_ok=True)
        if stage.is_symlink():  # clearing it would clear what it leads to
            raise DatasetError(f"{stage} is a link, and in the way. Remove it, or choose another --out.")
        with _locked(stage, out):
            for each in stage.iterdir():
                each.unlink()
            try:
                yield stage
                check_place(out, force=force)
                for each in stage.iterdir():
                    _sync(each)
                exchange(stage, out)
                _sync(out.parent)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DatasetError(
                f"The disk of {out.parent} is full. Make room and build again; {out} is as it was."
            ) from error
        raise DatasetError(f"{error.filename or out} can't be used: {error.strerror or error}.") from error


@contextmanager
def _locked(folder: Path, out: Path) -> Iterator[None]:
    """Hold a folder. The lock goes with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(
                f"Another run is building {out}. Wait for it, or choose another --out."
            ) from None
        yield
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
