"""What is told of the server's own accord, as the client gets it."""

import asyncio
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pilotfish.lsp.server import Server
from pilotfish.lsp.tell import Tell


class ProgressBar:
    """Passes for the work-done progress of pygls."""

    def __init__(self) -> None:
        self.tokens: dict[str, Future[None]] = {}
        self.shown: list[Any] = []

    async def create_async(self, token: str) -> None:
        """Begin a progress that the user may cancel."""
        self.tokens[token] = Future()

    def begin(self, token: str, value: object) -> None:
        """Remember the beginning."""
        assert token in self.tokens
        self.shown.append(value)

    report = end = begin


def telling(bar: ProgressBar) -> Tell:
    """A teller for a client with such a progress."""
    window = SimpleNamespace(work_done_progress=True)
    capabilities = SimpleNamespace(window=window)
    return Tell(cast("Server", SimpleNamespace(client_capabilities=capabilities, work_done_progress=bar)))


@pytest.mark.parametrize(("measured", "at_first"), [(True, 0), (False, None)])
async def test_what_is_measured_begins_with_a_percentage(measured: bool, at_first: int | None) -> None:
    """Without one at the beginning clients show none later."""
    bar = ProgressBar()
    async with telling(bar).progress("Downloading", cancelled=lambda: None, measured=measured) as progress:
        progress.report("half", 50)
    begin, report, end = bar.shown
    assert (begin.kind, begin.title, begin.percentage, begin.cancellable) == (
        "begin",
        "Downloading",
        at_first,
        True,
    )
    assert (report.kind, report.message, report.percentage) == ("report", "half", 50)
    assert end.kind == "end"
    assert bar.tokens == {}


async def test_the_user_may_cancel() -> None:
    """It is told once, and the progress ends all the same."""
    bar, cancelled = ProgressBar(), list[str]()
    async with telling(bar).progress("Downloading", cancelled=lambda: cancelled.append("yes")):
        (future,) = bar.tokens.values()
        future.cancel()
        await asyncio.sleep(0)
    assert cancelled == ["yes"]
    assert bar.shown[-1].kind == "end"
