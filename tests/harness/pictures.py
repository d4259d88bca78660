"""Pictures of terminals: what tmux captured, drawn by Chromium in a window's frame."""

import html
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from playwright.sync_api import sync_playwright

from harness.installed_editors import tool
from harness.terminal_cells import Cell, Style, parse_cells

LARGEST = 200_000
"""Bytes that a picture in the README may have."""
SCALES = (2.0, 1.5, 1.25, 1.0)
"""Pixels for each of CSS, tried in this order until the picture is small enough."""
FOREGROUND, BACKGROUND, FRAME, TITLE = "#d8dee9", "#1e222a", "#2b303b", "#9aa3b2"
_SIXTEEN = (
    *("#3b4252", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dee9"),
    *("#7b8494", "#ef7f88", "#b1d196", "#f0cf8f", "#82c1f5", "#d598e6", "#7bc6d0", "#eceff4"),
)
"""The palette's first colours, which a terminal is free to choose."""
_CUBE = (0, 95, 135, 175, 215, 255)
_PAGE = """<!doctype html><meta charset="utf-8"><style>
  body {{ margin: 0; display: inline-block }}
  #window {{ display: inline-block; background: {background}; border-radius: 9px; overflow: hidden }}
  #bar {{ background: {frame}; color: {title_colour}; font: 13px sans-serif; text-align: center; padding: 8px }}
  #bar {{ position: relative }}
  #bar i {{ position: absolute; top: 10px; width: 11px; height: 11px; border-radius: 50% }}
  pre {{ margin: 0; padding: 10px 14px 12px; color: {foreground}; font: 15px/20px monospace }}
  pre {{ font-variant-ligatures: none }}
  pre div {{ height: 20px; position: relative }}
  .wide {{ display: inline-block; width: 2ch; height: 20px; vertical-align: top; overflow: hidden }}
  .cursor {{ position: absolute; width: 2px; height: 18px; top: 1px; background: #e5c07b }}
</style>
<div id="window"><div id="bar"><i style="left:12px;background:#e06c75"></i><i style="left:31px;background:#e5c07b"></i>\
<i style="left:50px;background:#98c379"></i>{title}</div><pre>{rows}</pre></div>"""


class TooLargeError(ValueError):
    """A picture has more than LARGEST bytes at every scale."""


def terminal_png(ansi: str, path: Path, title: str, *, cursor: tuple[int, int] | None = None) -> None:
    """Draw a captured terminal (`Terminal.ansi`) as a PNG of at most LARGEST bytes, with a bar for the cursor.

    Raises:
        TooLargeError: nothing is written.

    """
    page_text = page_of(parse_cells(ansi), title, cursor)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        try:
            for scale in SCALES:
                page = browser.new_page(device_scale_factor=scale, viewport={"width": 1600, "height": 1000})
                page.set_content(page_text)
                picture = page.locator("#window").screenshot(omit_background=True)
                if len(picture) <= LARGEST:
                    path.write_bytes(picture)
                    return
        finally:
            browser.close()
    message = f"{path.name} would have {len(picture)} bytes: show fewer rows"
    raise TooLargeError(message)


def page_of(rows: Sequence[Sequence[Cell]], title: str, cursor: tuple[int, int] | None = None) -> str:
    """The HTML page that shows these cells. Pure."""
    drawn = []
    for number, row in enumerate(rows):
        bar = ""
        if cursor and cursor[0] == number:
            bar = f'<span class="cursor" style="left:{cursor[1]}ch"></span>'
        drawn.append(f"<div>{bar}{''.join(_spans(row))}</div>")
    return _PAGE.format(
        rows="".join(drawn),
        title=html.escape(title),
        background=BACKGROUND,
        foreground=FOREGROUND,
        frame=FRAME,
        title_colour=TITLE,
    )


def css_of(style: Style) -> str:
    """A style in CSS; the empty text for the terminal's own."""
    fg, bg = colour(style.fg), colour(style.bg)
    if style.reverse:
        fg, bg = bg or BACKGROUND, fg or FOREGROUND
    said = {
        "color": fg,
        "background": bg,
        "font-weight": "bold" if style.bold else "",
        "opacity": "0.6" if style.dim else "",
        "font-style": "italic" if style.italic else "",
        "text-decoration": "underline" if style.underline else "",
    }
    return ";".join(f"{name}:{value}" for name, value in said.items() if value)


def colour(name: str) -> str:
    """A `Style`'s colour in CSS: of xterm's palette by number, or as it is."""
    if not name.isdigit():
        return name
    number = int(name)
    if number < 16:
        return _SIXTEEN[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    levels = ((number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6)
    return "#" + "".join(f"{_CUBE[level]:02x}" for level in levels)


def _spans(row: Sequence[Cell]) -> Iterator[str]:
    for style, cells in groupby(row, key=lambda cell: cell.style):
        text = "".join(_characters(list(cells)))
        css = css_of(style)
        yield f'<span style="{css}">{text}</span>' if css else text


def _characters(cells: Sequence[Cell]) -> Iterator[str]:
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        wide = following is not None and cell.text and not following.text
        text = html.escape(cell.text)
        # Fonts do not agree that a wide character has the width of two others.
        yield f'<span class="wide">{text}</span>' if wide else text
