"""What a terminal shows, cell by cell, out of tmux's text with escape sequences. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

_SEQUENCE = re.compile(r"\x1b\[([0-9;:]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x0e\x0f]")
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}


@dataclass(frozen=True, slots=True)
class Style:
    """How a cell is drawn. Colours: "" the terminal's own, "0" to "255" of the palette, or "#rrggbb"."""

    fg: str = ""
    bg: str = ""
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of one row; the right half of a wide character has no text."""

    text: str
    style: Style = PLAIN


def parse_cells(captured: str) -> list[list[Cell]]:
    """Turn `capture-pane -e` into rows of cells. A style lasts beyond the end of its line, as in tmux."""
    style = PLAIN
    rows: list[list[Cell]] = []
    for line in captured.removesuffix("\n").split("\n"):
        row: list[Cell] = []
        for text, parameters in _parts(line):
            if parameters is not None:
                style = apply_sgr(style, parameters)
            for character in text:
                _put(row, character, style)
        rows.append(row)
    return rows


def apply_sgr(style: Style, parameters: str) -> Style:
    """Apply one Select Graphic Rendition sequence's parameters, such as "1;38;5;8"; unknown ones change nothing."""
    # An underline of another kind ("4:3") is an underline.
    codes = iter([int(part.split(":")[0] or 0) for part in parameters.split(";")])
    for code in codes:
        if code == 0:
            style = PLAIN
        elif code in _ON:
            style = _with(style, **{_ON[code]: True})
        elif code in _OFF:
            style = _with(style, **dict.fromkeys(_OFF[code], False))
        else:
            style = _coloured(style, code, codes)
    return style


def _with(style: Style, **fields: Any) -> Style:
    return replace(style, **fields)


def _coloured(style: Style, code: int, codes: Iterator[int]) -> Style:
    if code in (38, 48):
        colour = _extended(codes)
        return replace(style, fg=colour) if code == 38 else replace(style, bg=colour)
    ranges = ((30, 37, "fg", 0), (39, 39, "fg", None), (40, 47, "bg", 0), (49, 49, "bg", None))
    bright = ((90, 97, "fg", 8), (100, 107, "bg", 8))
    for first, last, field, offset in (*ranges, *bright):
        if first <= code <= last:
            return _with(style, **{field: "" if offset is None else str(code - first + offset)})
    return style


def _extended(codes: Iterator[int]) -> str:
    match next(codes, None):
        case 5:
            return str(next(codes, 0))
        case 2:
            return "#" + "".join(f"{next(codes, 0):02x}" for _ in range(3))
    return ""


def _parts(line: str) -> Iterator[tuple[str, str | None]]:
    """Text, and the parameters of the graphic rendition in front of it."""
    start, pending = 0, None
    for match in _SEQUENCE.finditer(line):
        yield line[start : match.start()], pending
        start, pending = match.end(), match[1]
    yield line[start:], pending


def _put(row: list[Cell], character: str, style: Style) -> None:
    if row and (unicodedata.combining(character) or character in "\u200d\ufe0e\ufe0f"):
        base = -1 if row[-1].text else -2
        row[base] = Cell(row[base].text + character, row[base].style)
        return
    row.append(Cell(character, style))
    if unicodedata.east_asian_width(character) in "WF":
        row.append(Cell("", style))
