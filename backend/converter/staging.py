"""Writes a folder beside its place and gives it its name when it is whole, with every file's hash.

A run that is killed leaves the place as it was, and its work in a hidden folder, which the next run clears away. The
folder is locked while it is written, by the operating system, so a lock never outlives its holder.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from .exchange import exchange, settle
from .manifest import NAME, FileEntry
from .problems import ConvertError

_CHUNK = 4 << 20


class Sink(Protocol):
    """A file that is being written."""

    def write(self, data: memoryview | bytes) -> None:
        """Append bytes."""
        ...


class Stage:
    """The folder that is being written. Several threads may write different files."""

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        self.path = path
        """The folder; write into it through the methods, which hash."""
        self.files: dict[str, FileEntry] = {}
        """What was written, by its path in the folder, with slashes."""
        self._advance = advance
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @contextmanager
    def open(self, name: str) -> Iterator[Sink]:
        """Write a file; it is hashed on the way and on the disk when the block ends."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb", buffering=0) as raw:
            file = _HashedFile(raw.fileno(), self._heard)
            yield file
            os.fsync(raw.fileno())
        with self._lock:
            self.files[name] = file.entry()

    def write_text(self, name: str, text: str) -> None:
        """Write a small file."""
        with self.open(name) as file:
            file.write(text.encode())

    def copy(self, source: Path, name: str) -> None:
        """Copy a file."""
        with source.open("rb") as original, self.open(name) as file:
            while chunk := original.read(_CHUNK):
                file.write(chunk)

    def stop(self) -> None:
        """Let every thread that writes end at its next block, with ``Stopped``."""
        self._stopped.set()

    def _heard(self, count: int) -> None:
        if self._stopped.is_set():
            raise Stopped
        with self._lock:
            self._advance(count)


class Stopped(Exception):
    """The conversion ends; there is nothing more to say."""


class _HashedFile:
    def __init__(self, descriptor: int, heard: Callable[[int], None]) -> None:
        self._descriptor = descriptor
        self._heard = heard
        self._digest = hashlib.sha256()
        self._bytes = 0

    def write(self, data: memoryview | bytes) -> None:
        """Append bytes and hash them."""
        rest = memoryview(data).cast("B")
        self._digest.update(rest)
        while len(rest):
            count = os.write(self._descriptor, rest)
            self._bytes += count
            rest = rest[count:]
            self._heard(count)

    def entry(self) -> FileEntry:
        """What the file holds now."""
        return FileEntry(self._bytes, self._digest.hexdigest())


@contextmanager
def staged(out: Path, *, force: bool, advance: Callable[[int], None] = lambda _: None) -> Iterator[Stage]:
    """Write the folder ``out`` by writing the stage that this gives; nothing is changed unless the block ends well.

    Raises ``ConvertError`` if ``out`` must not be replaced, or is being written by another run.
    """
    out = out.resolve()
    path = out.with_name(f".{out.name}.unfinished")
    try:
        with ExitStack() as locks:
            path.mkdir(parents=True, exist_ok=True)
            locks.enter_context(_locked(path, out))
            if out.is_dir():
                locks.enter_context(
                    _locked(out, out)
                )  # in the end it is where the stage was, and is cleared away
            locks.callback(shutil.rmtree, path, ignore_errors=True)
            settle(out)
            check_place(out, force=force)
            _clear(path)
            yield Stage(path, advance)
            for folder, _, _ in os.walk(path):
                _sync(Path(folder))
            exchange(path, out)
            _sync(out.parent)
    except OSError as error:
        raise _explained(error, out) from error


def check_place(out: Path, *, force: bool) -> None:
    """Raise ``ConvertError`` unless ``out`` is free, an empty folder, or ours and to be replaced by force."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / NAME).is_file():
        raise ConvertError(
            f"{out} is there and was not made by a conversion. Choose another --out, or remove it."
        )
    if not force:
        raise ConvertError(f"{out} is there already. Choose another --out, or replace it with --force.")


@contextmanager
def _locked(folder: Path, out: Path) -> Iterator[None]:
    """Hold a folder; ``ConvertError`` if another process does. The lock goes with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have finished in between, and moved the folder to its place.
            ours = folder.stat().st_ino == os.fstat(descriptor).st_ino
        except (BlockingIOError, FileNotFoundError):
            ours = False
        if not ours:
            raise ConvertError(f"Another conversion is writing {out}. Wait for it, or choose another --out.")
        yield
    finally:
        os.close(descriptor)


def _clear(path: Path) -> None:
    for each in path.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explained(error: OSError, out: Path) -> ConvertError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ConvertError(
            f"The disk of {out.parent} is full. Make room and convert again; {out} is as it was."
        )
    return ConvertError(f"{error.filename or out} can't be written: {error.strerror or error}.")
