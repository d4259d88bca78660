"""Gives a finished folder its place in one step, also where another folder stands already.

Linux swaps two names atomically (renameat2(2), RENAME_EXCHANGE), macOS too (renamex_np(2), RENAME_SWAP). Elsewhere,
and on file systems that can't, the old folder is moved aside first; a run that is killed between the two steps leaves
it there for ``settle``.
"""

import ctypes
import os
import shutil
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2


def exchange(finished: Path, place: Path) -> None:
    """Put ``finished`` at ``place``; what was there is then at ``finished``, if it was not an empty folder."""
    try:
        finished.rename(place)  # replaces nothing and an empty folder, and refuses all else
    except OSError:
        if not place.is_dir():
            raise
        if not swap(finished, place):
            aside = _aside(place)
            place.rename(aside)
            finished.rename(place)
            aside.rename(finished)


def settle(place: Path) -> None:
    """Finish or undo what an ``exchange`` that was killed left in two steps."""
    aside = _aside(place)
    if not aside.exists():
        return
    if place.exists():
        shutil.rmtree(aside)
    else:
        aside.rename(place)


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.replaced")


def swap(one: Path, other: Path) -> bool:
    """Swap two names atomically; False where the system can't."""
    names = os.fsencode(one), os.fsencode(other)
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        done = library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    elif sys.platform == "darwin" and hasattr(library, "renamex_np"):
        done = library.renamex_np(*names, _RENAME_SWAP)
    else:
        return False
    return bool(done == 0)
