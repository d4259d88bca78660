"""Rows of .csv, .txt, .json and .jsonl files, one after the other; of a file, no more than a row is in memory."""

import csv
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from .options import DatasetError

Row = Mapping[str, Any]
LONGEST = 64 << 20
"""Characters of a line, of a field or of an object in a list; what is longer is no row."""
_PIECE = 16 << 10
"""Characters of a running text that make a row."""
_CHUNK = 1 << 16


def rows_of(file: Path, text_column: str) -> Iterator[Row]:
    """The file's rows. A .txt file has no rows: parts of it, cut at line ends, stand for them.

    Bytes that are not UTF-8 come as lone surrogates. Raises ``DatasetError`` where the file is not what its name says.
    """
    return READERS[file.suffix.lower()](file, text_column)


def _csv(file: Path, text_column: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST)
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        reader = csv.DictReader(lines)
        try:
            if text_column not in (names := reader.fieldnames or ()):
                raise DatasetError(_no_column(file, text_column, names))
            yield from reader
        except csv.Error as error:
            raise DatasetError(f"{file}, line {reader.line_num}: {error}.") from error


def _json(file: Path, text_column: str) -> Iterator[Row]:
    """JSON Lines, or one list of objects."""
    with file.open(encoding="utf-8-sig", errors="surrogateescape") as opened:
        listed = opened.read(_CHUNK).lstrip()[:1] == "["
        opened.seek(0)
        yield from _checked(file, text_column, _listed(file, opened) if listed else _lines(file, opened))


def _checked(file: Path, text_column: str, rows: Iterator[tuple[str, Any]]) -> Iterator[Row]:
    first = True
    for place, row in rows:
        if not isinstance(row, dict):
            raise DatasetError(
                f"{file}, {place}: not an object. Each line is one, with its text in {text_column!r}."
            )
        if first and text_column not in row:
            raise DatasetError(_no_column(file, text_column, row))
        first = False
        yield row


def _lines(file: Path, opened: TextIO) -> Iterator[tuple[str, Any]]:
    number = 0
    while line := opened.readline(LONGEST):
        number += 1
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetError(
                f"{file}, line {number}: no JSON ({error}). A .json or .jsonl file has an object in each line, or is "
                "one list of objects."
            ) from error


def _listed(file: Path, opened: TextIO) -> Iterator[tuple[str, Any]]:
    ahead, number = _Ahead(opened), 0
    try:
        ahead.take("[")
        while ahead.peek() != "]":
            number += 1
            yield f"object {number}", ahead.value()
            if ahead.take(",]") == "]":
                return
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{file}, object {max(number, 1)}: no JSON ({error}).") from error


class _Ahead:
    """Reads a list value by value."""

    def __init__(self, opened: TextIO) -> None:
        self._opened = opened
        self._left = ""
        self._decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """What comes next, blanks apart; empty at the end."""
        self._left = self._left.lstrip()
        while not self._left and self._more():
            self._left = self._left.lstrip()
        return self._left[:1]

    def take(self, wanted: str) -> str:
        """The next character, which must be one of these."""
        found = self.peek()
        if not found or found not in wanted:
            raise ValueError(f"expected {' or '.join(wanted)}")
        self._left = self._left[1:]
        return found

    def value(self) -> Any:
        """The next value."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self._left)
            except ValueError:
                if len(self._left) > LONGEST or not self._more():
                    raise
            else:
                self._left = self._left[end:]
                return value

    def _more(self) -> bool:
        """Read as much again as is here, so that a long value is not tried often."""
        data = self._opened.read(max(_CHUNK, len(self._left)))
        self._left += data
        return bool(data)


def _text(file: Path, text_column: str) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig", errors="surrogateescape") as opened:
        while piece := opened.read(_PIECE):
            yield {text_column: piece + opened.readline(LONGEST)}


def _no_column(file: Path, text_column: str, names: Iterable[object]) -> str:
    listed = [textwrap.shorten(str(name), 40, placeholder="…") for name in names if name]
    there = ", ".join((*listed[:10], *(["…"] if len(listed) > 10 else [])))
    return f"{file} has no column {text_column!r}, but {there or 'none'}. Name the one with the text by --text-column."


READERS: Mapping[str, Callable[[Path, str], Iterator[Row]]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _json,
    ".txt": _text,
}
"""By a file's suffix, in lower case."""
