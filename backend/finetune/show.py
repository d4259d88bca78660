"""How far a training is: a bar for people, a line now and then for logs."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, TextIO

from .curve import perplexity
from .events import Event

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_WORDS: Mapping[str, str] = {
    "loading": "Loading the model",
    "training": "Training",
    "evaluating": "Evaluating",
    "writing": "Writing the model",
}
_LINE_SECONDS = 30.0


class Show(Protocol):
    """Is shown what workers tell."""

    def show(self, event: Event) -> None:
        """Show one event."""
        ...


class Lines:
    """For what is no terminal: each stage, each evaluation, and the training's state every half minute."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._total = 0
        self._next = 0.0
        self._last: Event | None = None

    def show(self, event: Event) -> None:
        """Write a line, if it is time for one."""
        match event.kind:
            case "stage" if event.stage != "evaluating":
                self._total = event.total or self._total
                self._write(_WORDS.get(event.stage, event.stage))
            case "step" if time.monotonic() >= self._next or event.step == self._total:
                self._next = time.monotonic() + _LINE_SECONDS
                self._write(f"  {_step(event, self._total)}")
            case "evaluated":
                self._write(f"  {_evaluated(event)}")

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


class Bars:
    """For terminals: a bar for each stage, with the loss beside it."""

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._training: TaskID | None = None
        self._current: TaskID | None = None
        self._total = 0

    def show(self, event: Event) -> None:
        """Move the bars."""
        match event.kind:
            case "stage":
                self._current = self._begin(event)
            case "advance" if self._current is not None:
                self._bars.advance(self._current, event.total)
            case "step" if self._training is not None:
                self._current = self._training
                facts = _step(event, self._total)
                self._bars.update(self._training, completed=event.step, facts=facts)
            case "evaluated":
                self._leave_current()
                self._bars.console.print(_evaluated(event), highlight=False)

    def _leave_current(self) -> None:
        """Take away the bar of what is done, but for the training's own."""
        if self._current is not None and self._current != self._training:
            self._bars.remove_task(self._current)
        self._current = self._training

    def _begin(self, event: Event) -> "TaskID":
        words = _WORDS.get(event.stage, event.stage)
        self._leave_current()
        task = self._bars.add_task(words, total=event.total or None, facts="")
        if event.stage == "training":
            self._training, self._total = task, event.total
        return task


@contextmanager
def shown_on(out: TextIO) -> Iterator[Show]:
    """Bars on a terminal; lines elsewhere, and without the library that draws them."""
    if not out.isatty() or not find_spec("rich"):
        yield Lines(out)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        *(TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[facts]}")),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(file=out)) as bars:
        yield Bars(bars)


def counted(number: int, one: str, many: str = "") -> str:
    """As people say it: 1 block, 2 blocks."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _step(event: Event, total: int) -> str:
    rate = event.tokens / event.seconds if event.seconds else 0.0
    return f"step {event.step} of {total}, loss {event.loss:.3f}, {rate:,.0f} tokens/s"


def _evaluated(event: Event) -> str:
    found = f"loss {event.loss:.3f}, perplexity {perplexity(event.loss):,.2f}"
    when = f"After {counted(event.step, 'step')}" if event.step else "Before the training"
    return f"{when}, on the validation files: {found}"
