"""What the demonstration shows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from finetune.scoring import (
    ENOUGH_AFTER,
    ENOUGH_NAMES,
    MOST_BEFORE,
    MOST_COPIED,
    Outcome,
    Score,
    is_right,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.panel import Panel
    from rich.status import Status
    from rich.text import Text

_ABOVE = 4
"""Lines of a file that are shown above the cursor's."""
_NARROW = 100
_CURSOR = "▏"


class Screen:
    """Prints to a console; on a terminal the part that runs turns a wheel."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._status: Status | None = None
        self._stage = ""

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False, highlight=False)

    def begin(self, stage: str) -> None:
        """A part begins."""
        self._stage = stage
        if not self._console.is_terminal:
            self.say(f"· {stage}")
            return
        if self._status is None:
            self._status = self._console.status(stage)
            self._status.start()
        self.tell("")

    def tell(self, line: str) -> None:
        """A program that runs wrote a line."""
        if self._status is not None:
            from rich.text import Text

            room = max(0, self._console.width - len(self._stage) - 8)
            self._status.update(Text.assemble(self._stage, "  ", (line[:room], "dim")))

    def stop(self) -> None:
        """Nothing runs any more."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Every call site, before and after side by side."""
        from rich.columns import Columns

        self.stop()
        across = 2 if self._console.width >= _NARROW else 1
        width = self._console.width // across - 1
        for number, outcome in enumerate(outcomes, 1):
            self._console.print()
            self._console.print(Columns(panels(number, outcome, width), padding=(0, 1)))

    def summary(
        self, outcomes: Sequence[Outcome], score: Score, seconds: Mapping[str, float], order: int
    ) -> None:
        """The tables."""
        from rich.table import Table

        table = Table(title="the name that was suggested", title_justify="left", title_style="bold")
        for column in ("call site", "wanted", "before", "after", f"{order}-gram copier"):
            table.add_column(column, no_wrap=True)
        for outcome in outcomes:
            wanted = outcome.site.wanted
            said = (outcome.before, outcome.after, outcome.copied)
            file = outcome.site.path.rpartition("/")[2]
            table.add_row(file, wanted, *(_verdict(text, wanted) for text in said))
        table.add_section()
        table.add_row(
            *("right", f"of {score.sites}", f"{score.before} (≤ {MOST_BEFORE})"),
            *(f"{score.after} (≥ {ENOUGH_AFTER})", f"{score.copied} (≤ {MOST_COPIED})"),
        )
        self._console.print()
        self._console.print(table)
        self.say(f"{score.names} different names among the right answers (≥ {ENOUGH_NAMES}).")
        self.say("Only the name counts: a model this small has no idea of the variables at hand.")
        times = Table(title="seconds", title_justify="left", title_style="bold", show_header=False)
        times.add_column()
        times.add_column(justify="right")
        for stage, taken in seconds.items():
            times.add_row(stage, f"{taken:.1f}")
        times.add_section()
        times.add_row("all", f"{sum(seconds.values()):.1f}")
        self._console.print(times)


def panels(number: int, outcome: Outcome, width: int) -> "tuple[Panel, Panel]":
    """A call site before and after, each as many columns wide."""
    path = outcome.site.path
    return (
        _panel(outcome, outcome.before, f"{number}. before · {path}", width),
        _panel(outcome, outcome.after, f"{number}. after · {path}", width),
    )


def _panel(outcome: Outcome, ghost: str, title: str, width: int) -> "Panel":
    from rich.panel import Panel
    from rich.syntax import Syntax
    from rich.text import Text

    above = outcome.site.text.split("\n")[-_ABOVE - 1 : -1]
    shown = Syntax("", "python", theme="ansi_dark").highlight("\n".join([*above, outcome.site.line]))
    shown.rstrip()
    right = is_right(ghost, outcome.site.wanted)
    mark = ("  ✔", "bold green") if right else ("  ✘", "bold red")
    said = (ghost, "italic green" if right else "italic red") if ghost else ("(nothing)", "dim")
    whole = Text.assemble(shown, (_CURSOR, "bold cyan"), said, mark, no_wrap=True, overflow="ellipsis")
    return Panel(whole, title=title, title_align="left", border_style="dim", width=width)


def _verdict(text: str, wanted: str) -> "Text":
    from rich.text import Text

    right = is_right(text, wanted)
    said = text.partition("(")[0][:16] or "(nothing)"
    return Text(f"{'✔' if right else '✘'} {said}", "green" if right else "red")
