"""Keeps the rows that were taken on the disk until it is known which of them are wanted, and in which file."""

from array import array
from pathlib import Path
from types import TracebackType
from typing import Self

_BUFFER = 1 << 20


class Spool:
    """Rows by their numbers, in the order in which they came. A context manager."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = file.open("x+b", buffering=_BUFFER)
        self._starts = array("q", [0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def add(self, row: bytes) -> None:
        """Keep another row."""
        self._file.write(row)
        self._starts.append(self._starts[-1] + len(row))

    def row(self, number: int) -> bytes:
        """The row of this number."""
        self._file.seek(self._starts[number])
        return self._file.read(self._starts[number + 1] - self._starts[number])
