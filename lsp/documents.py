r"""The text of an open document: lines that are edited in place.

An edit costs what it changes, not what the document holds, and nobody needs the document as one string. Line ends
are those of LSP: ``\n``, ``\r\n`` and ``\r``. Python's ``str.splitlines`` knows more, so that its lines are not
the client's.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pilotfish.lsp.positions import Cursor, Encoding, content_length, to_column, to_units

__all__ = ["Cursor", "Edit", "Encoding", "TextBuffer", "split_lines"]


class Position(Protocol):
    """A place as the protocol says it: a line, and a column in the client's code units."""

    @property
    def line(self) -> int:
        """The line, from 0."""
        ...

    @property
    def character(self) -> int:
        """The column, from 0, in code units."""
        ...


class Range(Protocol):
    """What stands between two places."""

    @property
    def start(self) -> Position:
        """Where it begins."""
        ...

    @property
    def end(self) -> Position:
        """Where it ends; that place itself is not part of it."""
        ...


@dataclass(frozen=True, slots=True)
class Edit:
    """What one change did to a document."""

    start: Cursor
    """Where the removed text began, and the inserted text begins."""
    end: Cursor
    """Where the removed text ended, in the document as it was before."""
    text: str
    """The inserted text."""
    new_end: Cursor
    """Where the inserted text ends, in the document as it is now."""
    removed: int
    """Code points that were removed, line ends included."""
    first_line: int
    """The first line that is not what it was."""
    last_line: int
    """The last of the old lines that were replaced; ``first_line - 1`` when none was."""
    new_lines: int
    """How many lines stand where ``first_line`` to ``last_line`` stood; 0 when whole lines were taken out."""


class TextBuffer:
    """A document's lines, with their line ends."""

    def __init__(self, text: str = "", encoding: Encoding = "utf-16") -> None:
        self.encoding: Encoding = encoding
        self._lines = split_lines(text)
        self._characters = len(text)

    @property
    def lines(self) -> Sequence[str]:
        """The lines with their ends, at least one. The last one has no end and may be empty.

        This is the buffer's own list: it changes with the next edit, so whoever keeps lines copies them.
        """
        return self._lines

    @property
    def text(self) -> str:
        """The whole document. Costs a copy of it."""
        return "".join(self._lines)

    @property
    def characters(self) -> int:
        """The document's length in code points, line ends included."""
        return self._characters

    @property
    def line_end(self) -> str:
        r"""The line end of the first line; ``\n`` in a document of one line."""
        return _line_end(self._lines[0]) or "\n"

    def cursor(self, line: int, character: int) -> Cursor:
        """The place that a client means; one outside of the text is moved to the nearest inside."""
        if line < 0:
            return Cursor(0, 0)
        if line >= len(self._lines):
            return self._end()
        return Cursor(line, to_column(self._lines[line], character, self.encoding))

    def position(self, cursor: Cursor) -> tuple[int, int]:
        """A place as line and column in the client's code units."""
        cursor = self._clamped(cursor)
        return cursor.line, to_units(self._lines[cursor.line], cursor.column, self.encoding)

    def apply(self, changed: Range, text: str) -> Edit:
        """Put ``text`` in place of a range that is given in the client's code units."""
        return self.replace(
            self.cursor(changed.start.line, changed.start.character),
            self.cursor(changed.end.line, changed.end.character),
            text,
        )

    def replace(self, start: Cursor, end: Cursor, text: str) -> Edit:
        """Put ``text`` in place of what stands between two places, given in any order."""
        start, end = sorted((self._clamped(start), self._clamped(end)))
        lines = self._lines
        first, last = start.line, end.line
        removed = self._count(start, end)
        head, tail = lines[first][: start.column], lines[last][end.column :]

        pieces = split_lines(text)
        breaks, width = len(pieces) - 1, len(pieces[-1])
        whole_tail = not (width or end.column or (start.column and not breaks))
        pieces[0] = head + pieces[0]
        pieces[-1] += tail
        # A carriage return and a line feed that an edit brings together become one line end.
        if tail == "\n" and breaks and not width and pieces[-2].endswith("\r"):
            pieces[-2:] = [pieces[-2] + "\n"]
            whole_tail = False
        if pieces[0] == "\n" and first and lines[first - 1].endswith("\r"):
            first -= 1
            pieces[0] = lines[first] + "\n"
            whole_tail = False
        lines[first : last + 1] = pieces
        self._characters += len(text) - removed

        new_end = Cursor(start.line + breaks, width if breaks else start.column + width)
        return Edit(
            start=start,
            end=end,
            text=text,
            new_end=self._clamped(new_end),
            removed=removed,
            first_line=first,
            # The line after whole inserted or removed lines is what it was.
            last_line=last - whole_tail,
            new_lines=len(pieces) - whole_tail,
        )

    def rewrite(self, text: str) -> Edit:
        """Take ``text`` as the whole document; the edit that comes back covers only what differs.

        Some clients send the whole document with every key, and what is known of it must survive that too.
        """
        old, new = self._lines, split_lines(text)
        first = _common(old, new)
        most = min(len(old), len(new)) - first
        tail = _common(old[len(old) - most :][::-1], new[len(new) - most :][::-1])
        old_end, new_end = len(old) - tail, len(new) - tail
        if first == old_end == new_end:
            return Edit(
                Cursor(0, 0), Cursor(0, 0), "", Cursor(0, 0), 0, first_line=0, last_line=-1, new_lines=0
            )
        # A range needs a line on either side to begin in, and one with the same line end to end in.
        if first in {old_end, new_end} and first:
            first -= 1
        if first in {old_end, new_end} or _line_end(old[old_end - 1]) != _line_end(new[new_end - 1]):
            old_end, new_end = old_end + 1, new_end + 1
        start = Cursor(first, _common_start(old[first], new[first]))
        # What begins alike is not counted again from the end.
        mine = old[old_end - 1][start.column if old_end - 1 == first else 0 :]
        theirs = new[new_end - 1][start.column if new_end - 1 == first else 0 :]
        kept = _common_end(mine, theirs)
        end = Cursor(old_end - 1, len(old[old_end - 1]) - kept)
        inserted = "".join(new[first:new_end])
        return self.replace(start, end, inserted[start.column : len(inserted) - kept])

    def _end(self) -> Cursor:
        return Cursor(len(self._lines) - 1, len(self._lines[-1]))

    def _clamped(self, cursor: Cursor) -> Cursor:
        if cursor.line < 0:
            return Cursor(0, 0)
        if cursor.line >= len(self._lines):
            return self._end()
        return Cursor(cursor.line, max(0, min(cursor.column, content_length(self._lines[cursor.line]))))

    def _count(self, start: Cursor, end: Cursor) -> int:
        if start.line == end.line:
            return end.column - start.column
        between = sum(map(len, self._lines[start.line + 1 : end.line]))
        return len(self._lines[start.line]) - start.column + between + end.column


def split_lines(text: str) -> list[str]:
    """The lines of a text with their ends, at least one. The last one has no end and may be empty."""
    if "\r" not in text and "\n" not in text:
        return [text]
    lines = io.StringIO(text, newline="").readlines()
    if content_length(lines[-1]) != len(lines[-1]):
        lines.append("")
    return lines


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items two sequences have in common from their start."""
    for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return index
    return min(len(one), len(other))


def _common_start(one: str, other: str) -> int:
    """How many characters of two lines' contents agree from the start, found by halving."""
    low, high = 0, min(content_length(one), content_length(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(one: str, other: str) -> int:
    """How many characters of two strings agree from the end, found by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _line_end(line: str) -> str:
    return line[content_length(line) :]
