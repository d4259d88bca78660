"""How far a pull is: one Protocol, a bar for people, lines for logs, nothing for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import TracebackType
from typing import Protocol, Self, TextIO

_MOMENT = 1 << 20
"""Bytes; less is not worth twenty lines of a log."""


class Progress(Protocol):
    """Hears of one piece of work after another."""

    def begin(self, what: str, total: int | None) -> None:
        """A piece of work starts; ``total`` in bytes, None if it is not known."""
        ...

    def advance(self, count: int) -> None:
        """``count`` bytes more are done."""
        ...


class Silent:
    """Says nothing."""

    def begin(self, what: str, total: int | None) -> None:
        """Ignored."""

    def advance(self, count: int) -> None:
        """Ignored."""


class Lines:
    """For what is no terminal: a line when a piece of work starts, and one at each twentieth of it.

    Editors make a bar out of these. What is done in a moment has its last line only.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._total = 0
        self._done = 0
        self._told = 0

    def begin(self, what: str, total: int | None) -> None:
        """Write what starts."""
        self._total, self._done, self._told = total or 0, 0, 0
        size = f" ({readable(self._total)})" if self._total else ""
        self._write(f"{what}{size}")

    def advance(self, count: int) -> None:
        """Write a line if another twentieth is done."""
        self._done += count
        steps = 20 if self._total >= _MOMENT else 1
        if self._total and (parts := min(steps, steps * self._done // self._total)) > self._told:
            self._told = parts
            self._write(f"  {100 // steps * parts} %")

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


class Bars:
    """For terminals: one bar below the other. A context manager, so that the terminal is left in order."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Task,
            TaskID,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as RichProgress
        from rich.text import Text

        class Size(DownloadColumn):
            """Nothing for work that is not counted, and no total where none is known."""

            def render(self, task: Task) -> Text:
                return super().render(task) if task.total or task.completed else Text()

        class Speed(TransferSpeedColumn):
            def render(self, task: Task) -> Text:
                return super().render(task) if task.total or task.completed else Text()

        columns = (
            *(TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), Size()),
            *(Speed(), TimeRemainingColumn(compact=True)),
        )
        self._bars = RichProgress(*columns, console=Console(file=out))
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        self._bars.stop()

    def begin(self, what: str, total: int | None) -> None:
        """Start another bar; the one before is done."""
        self._end()
        self._task = self._bars.add_task(what, total=total)

    def _end(self) -> None:
        """Have a bar whose end was not known stand still."""
        if self._task is not None and (task := self._bars.tasks[self._task]).total is None:
            self._bars.update(self._task, total=task.completed)

    def advance(self, count: int) -> None:
        """Move the newest bar."""
        if self._task is not None:
            self._bars.advance(self._task, count)


@contextmanager
def shown_on(out: TextIO, *, library: str = "rich") -> Iterator[Progress]:
    """Bars on a terminal; lines elsewhere, and where the library that draws them is not installed."""
    if out.isatty() and find_spec(library):
        with Bars(out) as bars:
            yield bars
    else:
        yield Lines(out)


def readable(size: int) -> str:
    """A size for people: 92.9 MB."""
    value, units = float(size), ("B", "kB", "MB", "GB", "TB")
    for unit in units[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {units[-1]}"
