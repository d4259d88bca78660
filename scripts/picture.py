"""Makes the README's picture of ghost text, out of a real run of the demonstration: picture.py FILE.svg.

The run is the demonstration's own, with a `Show` that remembers what was on the screen. The picture is the moment
with the longest ghost text among those that were accepted.
"""

import io
import os
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from pilotfish.lsp.demo import run
from pilotfish.lsp.demo_screen import View
from pilotfish.lsp.demo_show import PlainShow, window

WIDTH, ROWS = 96, 14


class Remember(PlainShow):
    """Shows frames, and keeps what was on the screen before each acceptance."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self.title = ""
        self.offered: list[View] = []
        self._last: View | None = None

    def start(self, title: str) -> None:
        """Keep the title."""
        self.title = title
        super().start(title)

    def draw(self, view: View) -> None:
        """Keep a copy of the screen if there is ghost text on it: the editor goes on with its lines."""
        if view.ghost:
            self._last = View(tuple(view.lines), *(getattr(view, name) for name in View.__slots__[1:]))

    def event(self, view: View, text: str) -> None:
        """Keep the screen that was accepted."""
        super().event(view, text)
        self.draw(view)
        if text.startswith("accepted") and self._last is not None:
            self.offered.append(self._last)


def svg(view: View, title: str) -> str:
    """A window as a picture that needs nothing from elsewhere."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(window(view, ROWS, title))
    text = console.export_svg(title="pilotfish demo", theme=DIMMED_MONOKAI, unique_id="ghost-text")
    return re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL)


def main(path: Path) -> int:
    """Run the demonstration and write the picture."""
    show = Remember()
    status = run(None, dict(os.environ), show)
    if status == 0:
        best = max(show.offered, key=lambda view: len(view.ghost))
        path.write_text(svg(best, show.title), "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
