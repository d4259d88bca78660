"""What the completer knows of an open document between two requests, and of a request until it is answered."""

import asyncio
from dataclasses import dataclass, field, replace

from pilotfish.lsp.calls import Call
from pilotfish.lsp.documents import Cursor, Edit
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.place import Query
from pilotfish.lsp.typing_rhythm import Rhythm

AT_REST = 0.7
"""Seconds after a request until an unfinished line is shown as it is, when the user is not in a burst of typing."""
BY_HAND = 3.0
"""The same for who asked by hand: they wait for it, and would rather have all of it."""
STREAMED = 0.25
"""Seconds that a line gets in any case from its first token to its end."""


@dataclass(eq=False, slots=True)
class Pending:
    """A request that waits for its answer, with all that wait for the same."""

    query: Query
    answer: "asyncio.Future[Suggestion | None]"
    asked: float
    waiters: int = 0
    task: "asyncio.Task[None] | None" = None
    call: Call | None = None

    def due(self, call: Call, rhythm: Rhythm, now: float) -> float:
        """When what is not complete yet is shown as it is."""
        streamed = (call.first or now) + STREAMED
        if not self.query.automatic:
            return max(self.asked + BY_HAND, streamed)
        return rhythm.due(now, at_rest=max(self.asked + AT_REST, streamed))

    def presentable(self, suggestion: Suggestion) -> Suggestion:
        """What of an unfinished suggestion is shown: of a block that was asked for by hand its whole lines."""
        whole, newline, _ = suggestion.text.rpartition("\n")
        return suggestion if self.query.automatic or not newline else replace(suggestion, text=whole)

    def resolve(self, suggestion: Suggestion | None) -> None:
        """Answer it, unless that was done, and do no more for it."""
        if not self.answer.done():
            self.answer.set_result(suggestion)
        if self.task is not None:
            self.task.cancel()


@dataclass(eq=False, slots=True)
class Session:
    """What is known of an open document between two requests."""

    anchor: int | None = None
    rhythm: Rhythm = field(default_factory=Rhythm)
    last_edit: Edit | None = None
    pending: Pending | None = None
    call: Call | None = None
    """The newest call, running or finished: what is typed next may continue its text."""
    shown: tuple[Cursor, str] | None = None
