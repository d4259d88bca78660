"""What the completer knows of an open document between two requests, and of a request until it is answered."""

import asyncio
from dataclasses import dataclass, field

from pilotfish.lsp.calls import Call
from pilotfish.lsp.documents import Cursor, Edit
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.place import Query
from pilotfish.lsp.typing_rhythm import Rhythm

AT_REST = 0.7
"""Seconds after a request until an unfinished line is shown as it is, when the user is not in a burst of typing."""
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
        """When a line that is not complete yet is shown as it is."""
        at_rest = max(self.asked + AT_REST, (call.first or now) + STREAMED)
        return rhythm.due(now, at_rest=at_rest) if self.query.automatic else at_rest

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
