"""One backend call in flight: what came back so far, and whether what is typed still agrees with it.

An LSP request and a backend call are two things with two lives. A call outlives the request that started it as long as
it may still serve a successor: the text that the user has typed since then must be the start of what the call has
produced. Nothing here knows LSP or HTTP, and time comes in as an argument.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

from pilotfish.lsp.client import BackendError, Chunk, Usage
from pilotfish.lsp.documents import Cursor, Edit
from pilotfish.lsp.filters import Suggestion, Surroundings, align, enough, refine
from pilotfish.lsp.place import Place

KEEP_ORPHAN = 0.3
"""Seconds that a call without a follower is kept for a successor to adopt."""

_CLOSERS = frozenset(")]}>\"'`")


class Call:
    """A stream of text from the backend, read until more of it would not be shown."""

    def __init__(
        self,
        place: Place,
        *,
        clock: Callable[[], float],
        characters: int,
    ) -> None:
        self.place = place
        self.characters = characters
        self.raw = ""
        self.usage: Usage | None = None
        self.error: BackendError | None = None
        self.done = False
        self.outcome = "running"
        self._followers = 0
        self._orphaned: asyncio.TimerHandle | None = None
        self.typed = ""
        self.sent = clock()
        self.first: float | None = None
        self.end: float | None = None
        self._clock = clock
        self._progress = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refined: tuple[int, bool, Suggestion | None] | None = None

    def start(self, stream: Callable[[], AsyncIterator[Chunk]], *, ended: Callable[["Call"], None]) -> None:
        """Begin to read ``stream()``; ``ended(call)`` is called once, however the end came."""
        task = asyncio.create_task(self._read(stream))
        self._task = task

        def over(_: object) -> None:
            if not self.done:  # cancelled before the coroutine had its first turn
                self._finish("closed")
            ended(self)

        task.add_done_callback(over)

    async def _read(self, stream: Callable[[], AsyncIterator[Chunk]]) -> None:
        outcome = "closed"
        try:
            async with aclosing(stream()) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    self.usage = chunk.usage or self.usage
                    outcome = "complete" if chunk.finish_reason is not None else outcome
                    if not chunk.text:
                        continue
                    self.first = self.first or self._clock()
                    self.raw += chunk.text
                    if enough(self.raw, self.place.surroundings):
                        outcome = "complete"
                        break
                    self._progress.set()
            outcome = "broken" if outcome == "closed" else outcome
        except BackendError as error:
            self.error = error
            outcome = "failed"
        finally:
            self._finish(outcome)

    def _finish(self, outcome: str) -> None:
        self.end = self._clock()
        self.outcome = outcome
        self.done = True
        self._progress.set()

    def close(self) -> None:
        """End the call; the HTTP request is closed within the same turn of the event loop or the next."""
        if self._task is not None and not self.done:
            self._task.cancel()

    def follow(self) -> None:
        """Have one more request that waits for this call."""
        self._followers += 1
        if self._orphaned is not None:
            self._orphaned.cancel()

    def unfollow(self) -> None:
        """Have one less; a call that nobody follows for ``KEEP_ORPHAN`` seconds is closed."""
        self._followers -= 1
        if not self._followers and not self.done:
            self._orphaned = asyncio.get_running_loop().call_later(KEEP_ORPHAN, self.close)

    @property
    def finished(self) -> bool:
        """Whether no more text will come, and what came is of use; a stream that broke off counts too."""
        return self.outcome in {"complete", "broken"}

    @property
    def whole(self) -> bool:
        """Whether the text is all there, so that it can be remembered."""
        return self.outcome == "complete"

    async def progress(self) -> None:
        """Wait until there is more text, or the end."""
        if not self.done:
            await self._progress.wait()
            if not self.done:
                self._progress.clear()

    def agrees(self, typed: str) -> bool:
        """Whether ``typed``, entered at the call's place, is how its text begins, as far as that is known."""
        text = align(self.raw, self._around(self.place.surroundings))
        if text is None:
            return False
        if text.startswith(typed):
            return True
        return not self.done and typed.startswith(text)

    def observe(self, edit: Edit) -> bool:
        """Take note of an edit in the call's document; return whether the call may still serve.

        The edit alone does not tell where the cursor is: an editor that closes brackets inserts ``()`` and puts the
        cursor between. The request that follows tells; here the doubtful case is kept.
        """
        base, here = self.place.cursor, _advance(self.place.cursor, self.typed)
        if edit.start.line > here.line:
            return True
        if not base <= edit.start <= here or edit.end > here:
            return edit.start == edit.end == here and edit.text in _CLOSERS
        kept = (
            self.typed[: _distance(base, edit.start, self.typed)]
            + self.typed[_distance(base, edit.end, self.typed) :]
        )
        inserted = edit.text.replace("\r\n", "\n")
        for text in (inserted, inserted[:-1]) if inserted[-1:] in _CLOSERS else (inserted,):
            if edit.end == here and self.agrees(kept + text):
                self.typed = kept + text
                return True
        return False

    def suggestion(self) -> Suggestion | None:
        """What the text so far offers at the call's place."""
        known = self._refined
        if known is None or known[:2] != (len(self.raw), self.finished):
            known = (len(self.raw), self.finished, refine(self.raw, self._around(self.place.surroundings)))
            self._refined = known
        return known[2]

    def rest(self, typed: str, now: Surroundings) -> Suggestion | None:
        """What is left of the suggestion once ``typed`` stands in the document; ``now`` is around the cursor."""
        if now.after == self.place.surroundings.after:
            suggestion = self.suggestion()
            if suggestion is None or not suggestion.text.startswith(typed):
                return None
            left = suggestion.text[len(typed) :]
            return Suggestion(left, suggestion.overwrite) if left else None
        # A bracket was closed to the right of the cursor: what it overlaps with must be found anew.
        text = align(self.raw, self._around(self.place.surroundings))
        if text is None or not text.startswith(typed):
            return None
        around = replace(self._around(now), continued=bool(typed), owed="")
        return refine(text[len(typed) :], around)

    def report(self) -> dict[str, object]:
        """What the debug log tells of the call: times of the monotonic clock and counts, no text."""
        return {
            "event": "call",
            "sent": self.sent,
            "first": self.first,
            "end": self.end,
            "outcome": self.outcome,
            "prompt_tokens": self.usage.prompt_tokens if self.usage else None,
            "cached_tokens": self.usage.cached_tokens if self.usage else None,
            "characters": len(self.raw),
        }

    def _around(self, surroundings: Surroundings) -> Surroundings:
        """Surroundings for the text as far as it has come."""
        asked = self.place.surroundings
        return replace(
            surroundings, complete=self.finished, multiline=asked.multiline, max_lines=asked.max_lines
        )


def _advance(cursor: Cursor, text: str) -> Cursor:
    """The place right after ``text`` that begins at ``cursor``."""
    newlines = text.count("\n")
    if not newlines:
        return Cursor(cursor.line, cursor.column + len(text))
    return Cursor(cursor.line + newlines, len(text) - text.rindex("\n") - 1)


def _distance(base: Cursor, cursor: Cursor, text: str) -> int:
    """How many characters of ``text``, which begins at ``base``, stand before ``cursor``."""
    offset = 0
    for _ in range(cursor.line - base.line):
        offset = text.index("\n", offset) + 1
    return offset + cursor.column - (base.column if cursor.line == base.line else 0)
