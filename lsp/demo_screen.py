"""Draws an editor's window with ghost text: for a terminal by rich, or plainly with marks. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

ABOVE = 2 / 3
"""The share of the window's height that stands above the cursor's line."""
CURSOR = "▏"
GHOST_MARKS = ("⟦", "⟧")
GHOST_STYLE = "dim italic"
CURSOR_STYLE = "bold cyan"
TAB = "    "


@dataclass(frozen=True, slots=True)
class View:
    """What an editor shows at one moment."""

    lines: Sequence[str]
    """The document without line ends."""
    line: int
    """The cursor's line, counted from 0."""
    column: int
    """Code points left of the cursor."""
    ghost: str = ""
    """The text that is offered at the cursor, possibly of several lines."""
    replaces: int = 0
    """Code points right of the cursor that the ghost text stands for."""
    language: str = ""
    """LSP language id; decides the colours."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the window. ``before``, ``ghost`` and ``after`` stand in this order."""

    number: int | None
    """The line's number, counted from 1; None for a row that is ghost text alone."""
    before: str
    ghost: str = ""
    after: str = ""
    cursor: bool = False
    """Whether the cursor stands between ``before`` and ``ghost``."""


def rows(view: View, height: int) -> list[Row]:
    """The rows of a window of at most ``height`` rows around the cursor."""
    ghost_rows = view.ghost.count("\n")
    first = max(0, min(view.line - int(height * ABOVE), len(view.lines) + ghost_rows - height))
    first = max(first, min(view.line, view.line + ghost_rows - height + 1))
    return list(_rows_from(view, first, height))


def _rows_from(view: View, first: int, height: int) -> Iterator[Row]:
    left = height
    for number in range(first, len(view.lines)):
        drawn = (
            _cursor_rows(view) if number == view.line else [Row(number + 1, _printable(view.lines[number]))]
        )
        yield from drawn[:left]
        left -= len(drawn)
        if left <= 0:
            return


def _cursor_rows(view: View) -> list[Row]:
    text = view.lines[view.line]
    before, after = _printable(text[: view.column]), _printable(text[view.column + view.replaces :])
    first, *more = (_printable(part) for part in view.ghost.split("\n"))
    if not more:
        return [Row(view.line + 1, before, first, after, cursor=True)]
    middle = [Row(None, "", part) for part in more[:-1]]
    return [Row(view.line + 1, before, first, cursor=True), *middle, Row(None, "", more[-1], after)]


def plain(view: View, height: int) -> str:
    """The window as lines of text, the ghost text between ⟦ and ⟧."""
    left, right = GHOST_MARKS
    out = []
    for row in rows(view, height):
        number = f"{row.number:>5}" if row.number is not None else " " * 5
        ghost = f"{left}{row.ghost}{right}" if row.ghost else ""
        out.append(f"{number} │ {row.before}{CURSOR if row.cursor else ''}{ghost}{row.after}".rstrip())
    return "\n".join(out)


def coloured(view: View, height: int) -> "Text":
    """The window for a terminal: code in its colours, ghost text dimmed."""
    from rich.text import Text

    window = rows(view, height)
    code = _highlighted([row.before + row.after for row in window], view.language)
    out = Text(no_wrap=True, overflow="crop")
    for row, text in zip(window, code, strict=True):
        number = f"{row.number:>5}" if row.number is not None else " " * 5
        out.append(f"{number} │ ", style="bold" if row.cursor else "dim")
        out.append_text(text[: len(row.before)])
        if row.cursor:
            out.append(CURSOR, style=CURSOR_STYLE)
        out.append(row.ghost, style=GHOST_STYLE)
        out.append_text(text[len(row.before) :])
        out.append("\n")
    return out


def _highlighted(lines: list[str], language: str) -> "list[Text]":
    from rich.syntax import Syntax
    from rich.text import Text

    marked = Syntax("", language or "text", theme="ansi_dark").highlight("\n".join(lines))
    if marked.plain.rstrip("\n") != "\n".join(lines).rstrip("\n"):
        return [Text(line) for line in lines]
    split = list(marked.split("\n", allow_blank=True))
    return [split[place] if place < len(split) else Text(line) for place, line in enumerate(lines)]


def _printable(text: str) -> str:
    """Text that does nothing to a terminal but show itself."""
    text = text.replace("\t", TAB)
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "�" for sign in text)
