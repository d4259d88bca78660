"""Checkpoints of a training: which of them are whole, so that it can go on after it was killed."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"checkpoint-(\d+)")
_SEAL = "whole.json"


def seal(folder: Path, step: int) -> None:
    """Note which files a checkpoint has and how large they are: it is whole now."""
    path = folder / f"checkpoint-{step}"
    sizes = {str(file.relative_to(path)): file.stat().st_size for file in _files(path)}
    beside = path / f".{_SEAL}"
    beside.write_text(json.dumps(sizes, indent=2), "utf-8")
    beside.replace(path / _SEAL)


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is sealed, and all its files have the size that they had."""
    try:
        sizes = json.loads((path / _SEAL).read_text("utf-8"))
        return all((path / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def last_whole(folder: Path) -> tuple[Path, int] | None:
    """The newest whole checkpoint and its step, or None."""
    for step, path in sorted(_checkpoints(folder), reverse=True):
        if is_whole(path):
            return path, step
    return None


def checkpoint_bytes(folder: Path) -> int:
    """Bytes of the checkpoints that are there; others will come in their place."""
    return sum(file.stat().st_size for _, path in _checkpoints(folder) for file in _files(path))


def drop_after(folder: Path, step: int) -> list[str]:
    """Delete checkpoints beyond a step, which are not whole; their names."""
    dropped = [path for number, path in _checkpoints(folder) if number > step]
    for path in dropped:
        shutil.rmtree(path)
    return [path.name for path in dropped]


def _checkpoints(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    named = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir() if path.is_dir())
    return [(int(match[1]), path) for match, path in named if match]


def _files(path: Path) -> Iterator[Path]:
    return (file for file in sorted(path.rglob("*")) if file.is_file() and file.name != _SEAL)
