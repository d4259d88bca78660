"""Shows the demonstration to people: a live screen in a terminal, frames one after another elsewhere."""

import sys
from typing import TYPE_CHECKING, Protocol, TextIO

from pilotfish.lsp.demo_screen import View, coloured, plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

LIVE_ROWS = 20
PLAIN_ROWS = 5
REMEMBERED = 5
"""Events that stand below the live screen."""


class Show(Protocol):
    """Where the demonstration is seen."""

    def start(self, title: str) -> None:
        """Begin to show the screen."""
        ...

    def say(self, text: str) -> None:
        """Tell a step or an event."""
        ...

    def draw(self, view: View) -> None:
        """Show the screen as it is now; called for every change."""
        ...

    def event(self, view: View, text: str) -> None:
        """Show what is worth to be looked at: a new ghost text, or its acceptance."""
        ...

    def note(self, text: str) -> None:
        """Add to the last event what became of it."""
        ...

    def stop(self) -> None:
        """Give the terminal back."""
        ...


class PlainShow:
    """For files, pipes and logs: a few lines for every event, ghost text between marks."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def start(self, title: str) -> None:
        """Say what follows."""
        self.say(title)

    def say(self, text: str) -> None:
        """Print a line."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def draw(self, view: View) -> None:
        """Print nothing: keys come too often for that."""

    def event(self, view: View, text: str) -> None:
        """Print a frame and below it what happened."""
        self.say(f"\n{plain(view, PLAIN_ROWS)}\n      └ {text}")

    def note(self, text: str) -> None:
        """Print it below the frame."""
        self.say(f"      └ {text}")

    def stop(self) -> None:
        """Do nothing."""


class LiveShow:
    """For terminals: the window is drawn in place, the last events below it."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live

        self._console = console
        self._live = Live(console=console, auto_refresh=False)
        self._title = ""
        self._events: list[str] = []

    def start(self, title: str) -> None:
        """Take a part of the terminal."""
        self._title = title
        self._live.start()

    def say(self, text: str) -> None:
        """Print a line above the window."""
        self._console.print(text, markup=False, highlight=False)

    def draw(self, view: View) -> None:
        """Draw the window anew."""
        self._live.update(self._frame(view), refresh=True)

    def event(self, view: View, text: str) -> None:
        """Draw the window anew, with the event below it."""
        self._events = [*self._events, text][-REMEMBERED:]
        self.draw(view)

    def note(self, text: str) -> None:
        """Add it to the last line below the window; it is seen at the next change."""
        if self._events:
            self._events[-1] += f" · {text}"

    def stop(self) -> None:
        """Leave the last frame where it is."""
        self._live.stop()

    def _frame(self, view: View) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        room = min(LIVE_ROWS, self._console.height - REMEMBERED - 4)
        return Group(
            window(view, max(room, 3), self._title), *(Text(event, no_wrap=True) for event in self._events)
        )


def window(view: View, height: int, title: str) -> "RenderableType":
    """A framed window of ``height`` rows of code."""
    from rich.panel import Panel

    return Panel(
        coloured(view, height), title=title, title_align="left", border_style="dim", height=height + 2
    )


def choose_show() -> Show:
    """The live screen in a terminal that can show it, else frames."""
    from rich.console import Console

    console = Console()
    small = console.width < 60 or console.height < 16
    return (
        PlainShow(sys.stdout)
        if not console.is_terminal or console.is_dumb_terminal or small
        else LiveShow(console)
    )
