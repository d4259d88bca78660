"""From the text around a cursor to the prompt that is sent. Pure: no I/O, no clock, no pygls.

A prompt is the path header, the pinned imports and a window of lines that ends at the cursor. What changes
seldom stands first, and the window's start moves rarely (see ``windows``), so that a backend has most of each
prompt in its KV cache. Only the window is looked at, so a large document costs no more than a small one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pilotfish.lsp.budgets import Style, style_for
from pilotfish.lsp.imports import pinned_imports
from pilotfish.lsp.positions import Cursor, content_length
from pilotfish.lsp.syntax import syntax_of
from pilotfish.lsp.windows import LIMIT, NEAR, Window, line_cut, line_size, line_step

__all__ = ["Cursor", "Prompt", "Style", "build_prompt", "shift_anchor", "style_for", "warm_prompt"]

_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
"""Lone surrogates, which UTF-8 can't carry, and NUL."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to ask the backend, and what to remember for the next key."""

    prefix: str
    """The request's ``prompt``."""
    suffix: str | None
    """The request's ``suffix``; None: left to right."""
    middle: str
    """The request's ``fim_middle``: the typed part of the current line, if the backend can continue that."""
    owed: str
    """A space or tab between the prompt's end and the cursor: the answer begins with it, and it is cut off."""
    anchor: int
    """The line at which the window begins: hand it in with the next key."""
    recut: str | None
    """How the prompt of the coming window will begin, when that is near: to be warmed. It grows line by line."""


def build_prompt(
    lines: Sequence[str], cursor: Cursor, *, path: str, language: str, anchor: int | None, style: Style
) -> Prompt:
    """The prompt for a cursor.

    ``lines`` come with or without their line ends and are not copied. ``path`` is what the header names, relative
    to the workspace with forward slashes; empty: no header. ``anchor`` is that of the last prompt in this document,
    moved by ``shift_anchor`` through the edits since, or None.
    """
    lines = lines or [""]
    cursor = _inside(lines, cursor)
    layout = _Layout(lines, path=path, language=language, style=style)
    window = Window(lines, cursor, budget=style.prompt_chars, overhead=lambda line: len(layout.head(line)))
    anchor = window.choose(anchor)
    size, cut = window.size(anchor), 0
    if size > LIMIT * style.prompt_chars:  # the current line alone is too long
        cut = line_cut(cursor.column, budget=style.prompt_chars, overhead=len(layout.head(anchor)))
    line_start = style.fim and style.line_start_fim
    above = layout.head(anchor) + layout.between(anchor, cursor.line)
    typed, owed = _owe(lines[cursor.line][cut : cursor.column], style)
    recut = None
    if size >= NEAR * style.prompt_chars:
        coming = window.coming(anchor)
        if anchor == cursor.line and not line_start:
            start = cut + line_step(style.prompt_chars)
            recut = layout.head(anchor) + _owe(lines[cursor.line][start : cursor.column], style)[0]
        elif coming is not None:
            recut = layout.head(coming) + layout.between(coming, cursor.line)
    return Prompt(
        prefix=_sendable(above if line_start else above + typed),
        suffix=_sendable(layout.suffix(cursor)) if style.fim else None,
        middle=_sendable(typed) if line_start else "",
        owed=owed,
        anchor=anchor,
        recut=_sendable(recut) if recut else None,
    )


def warm_prompt(lines: Sequence[str], *, path: str, language: str, style: Style) -> tuple[str, int]:
    """A prompt to evaluate when a file is opened, and its anchor: the whole file if it fits, else its head.

    Up to where it ends, the prefix of every cursor's prompt is how this one begins. A model with fill-in-the-middle
    must get it with a suffix (an empty one will do), so that it begins with the same special token.
    """
    lines = lines or [""]
    layout = _Layout(lines, path=path, language=language, style=style)
    size, end = len(layout.head(0)), 0
    while end < len(lines) and size + line_size(lines[end]) <= LIMIT * style.prompt_chars:
        size += line_size(lines[end])
        end += 1
    return _sendable(layout.head(0) + layout.between(0, end)), 0


def shift_anchor(anchor: int, *, first_line: int, last_line: int, new_lines: int) -> int | None:
    """Where the anchor's line is after an edit that put ``new_lines`` lines where old lines stood.

    ``first_line`` to ``last_line`` are those old lines; none of them when the last is before the first. None when
    the edit removed the anchor's line or joined it with another. The first line of a document stays an anchor,
    whatever is put before it.
    """
    if anchor == 0 or anchor == first_line <= last_line or anchor < first_line:
        return anchor
    if anchor > last_line:
        return anchor + new_lines - (last_line - first_line + 1)
    return None


class _Layout:
    """The parts of a prompt."""

    def __init__(self, lines: Sequence[str], *, path: str, language: str, style: Style) -> None:
        self._lines = lines
        self._language = language
        self._style = style
        begin, end = syntax_of(language).comment
        self._path = f"{begin}Path: {path}{end}\n" if path else ""
        self._heads: dict[int, str] = {}

    def head(self, anchor: int) -> str:
        """What stands before a window that begins at line ``anchor``: path and imports."""
        if anchor not in self._heads:
            imports = pinned_imports(self._lines, anchor, self._language, self._style.import_chars)
            self._heads[anchor] = self._path + imports
        return self._heads[anchor]

    def between(self, first: int, end: int) -> str:
        r"""Lines ``first`` to ``end - 1``, each ended by ``\n``."""
        return "".join(line[: content_length(line)] + "\n" for line in self._lines[first:end])

    def suffix(self, cursor: Cursor) -> str:
        """The rest of the current line and whole lines below it.

        The lines below are chosen without regard to the rest, so that they stay while the rest changes.
        """
        lines, room = self._lines, self._style.suffix_chars
        current = lines[cursor.line]
        rest = current[cursor.column : min(content_length(current), cursor.column + room // 2)]
        first = end = cursor.line + 1
        if first == len(lines):
            return rest
        while end < len(lines) and line_size(lines[end]) <= room:
            room -= line_size(lines[end])
            end += 1
        if end == first:  # not even the next line fits
            return rest + "\n" + lines[first][: min(room, content_length(lines[first]))]
        return rest + "\n" + self.between(first, end)[:-1]


def _owe(typed: str, style: Style) -> tuple[str, str]:
    """Split off the last character of the typed part of a line if the answer should rather begin with it.

    The tokenizers of nearly all code models join one space with the word that follows it, in indentation too (eight
    spaces are seven and one that belongs to the word), and leave the last tab of an indentation to itself. After a
    prompt that ends otherwise the right token is an unlikely one: of 100 new lines in indented Python, SmolLM2-135M
    wrote 12 exactly this way, 3 with nothing split off, and none with all of the indentation split off.
    CodeGen's has tokens for runs of blanks, which stay as they are; only a single space belongs to the word there.
    """
    blanks = len(typed) - len(typed.rstrip(" \t"))
    if style.whole_indents and (blanks > 1 or typed == "\t"):
        return typed, ""
    if typed.endswith(" ") or (typed and not typed.strip()):
        return typed[:-1], typed[-1]
    return typed, ""


def _inside(lines: Sequence[str], cursor: Cursor) -> Cursor:
    if cursor.line >= len(lines):
        return Cursor(len(lines) - 1, content_length(lines[-1]))
    line = max(0, cursor.line)
    return Cursor(line, max(0, min(cursor.column, content_length(lines[line]))))


def _sendable(text: str) -> str:
    return _UNSENDABLE.sub("\ufffd", text)
