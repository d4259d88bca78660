"""Columns: from the client's code units to code points of a Python string, and back.

An LSP client counts columns in UTF-8, UTF-16 or UTF-32 code units. They are converted at the edge, once. Lines of
ASCII, nearly all lines of code, cost the same however long they are.
"""

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_CHUNK = 1024
"""Code points of a line with other characters that are measured at once."""


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in a document: lines and columns from 0, columns in code points."""

    line: int
    column: int


def content_length(line: str) -> int:
    """Code points of a line without its line end."""
    if line.endswith("\n"):
        return len(line) - (2 if line.endswith("\r\n") else 1)
    return len(line) - 1 if line.endswith("\r") else len(line)


def to_column(line: str, units: int, encoding: Encoding) -> int:
    """The code-point column that ``units`` code units reach.

    Past the line's content it is the content's end; within a character (between surrogates, or between the bytes
    of a UTF-8 sequence) it is the character's start; negative, it is 0.
    """
    length = content_length(line)
    if encoding == "utf-32" or line.isascii():
        return max(0, min(units, length))
    column = 0
    while column < length:
        chunk = line[column : min(column + _CHUNK, length)]
        size = _units(chunk, encoding)
        if size > units:
            return column + _column_within(chunk, units, encoding)
        units -= size
        column += len(chunk)
    return length


def to_units(line: str, column: int, encoding: Encoding) -> int:
    """The code units before a code-point column; past the line's content it is the content's end."""
    column = max(0, min(column, content_length(line)))
    if encoding == "utf-32" or line.isascii():
        return column
    return sum(
        _units(line[start : min(start + _CHUNK, column)], encoding) for start in range(0, column, _CHUNK)
    )


def _units(text: str, encoding: Encoding) -> int:
    if text.isascii():
        return len(text)
    # A lone surrogate is one unit in UTF-16, and three bytes, like the replacement character, in UTF-8.
    if encoding == "utf-16":
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text.encode("utf-8", "surrogatepass"))


def _column_within(chunk: str, units: int, encoding: Encoding) -> int:
    for column, character in enumerate(chunk):
        units -= _units(character, encoding)
        if units < 0:
            return column
    return len(chunk)
