"""Inlay hints as ghost text, for an editor that has no other: Helix.

Helix asks for hints once the keyboard has been idle for a moment, and only when the text has changed since the last
answer *arrived*, whichever text that answer was for. Hence two rules. A request that an edit has made old is not
answered before the next one is there: its answer would pass for the new text's, and nothing would be asked again. And
while a key is to be expected, no answer is sent that the key might cross on its way. Where two requests wait, the older
one gets the answer, and the newer is kept: with it the hint can be put right when a key has crossed an answer after
all, and nothing more is asked. Half a line is no answer either as long as the rest is on its way.

A hint request has no cursor, so the place is where the last edit left it. The hint follows what is typed into it.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from pilotfish.lsp.documents import Cursor, Edit
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.typing_rhythm import Rhythm

HELD = 15.0
"""Seconds after which a request is answered with what there is; Helix gives requests up after 20."""
UNASKED = 0.5
"""Seconds after an edit in which its request should have come."""
CLEARED = 0.15
"""Seconds that a request's answer may take until a hint that an edit has made wrong is taken from the screen."""
EXPECTED = (0.5, 1.5)
"""The part of the usual pause between two keys in which the next one is to be expected. It begins before half a line
may be shown (``typing_rhythm.SHARE``), so that the whole line is waited for."""
WHOLE = 2.0
"""Seconds from a request that half a line waits for its rest."""
SAME_MOMENT = 0.03
"""Seconds within which an editor asks for the same text in two windows."""
PAIRS = frozenset({"()", "[]", "{}", '""', "''", "``"})
"""What editors insert for one key, with the cursor in between."""
BEGINNINGS = {"word": re.compile(r"\s*(?:\w+|[^\w\s]+)"), "line": re.compile(r"\n*[^\n]*")}

Lines = tuple[int, int]
"""First and last line that hints are asked for in."""
EVERYWHERE: Lines = (-1, -1)
"""No lines that an editor asks for."""
Suggest = Callable[[str, Cursor], Awaitable[Suggestion | None]]


@dataclass(frozen=True, slots=True)
class Hint:
    """A suggestion that stands in a document as a hint."""

    uri: str
    cursor: Cursor
    suggestion: Suggestion


@dataclass(eq=False, slots=True)
class _Request:
    """A request that waits."""

    edits: int
    """How many edits the editor had made when it asked."""
    answer: "asyncio.Future[Hint | None]"

    def resolve(self, hint: Hint | None) -> None:
        if not self.answer.done():
            self.answer.set_result(hint)


@dataclass(eq=False, slots=True)
class _Place:
    """A document that has been edited."""

    cursor: Cursor = field(default_factory=lambda: Cursor(0, 0))
    typed: bool = False
    """Whether the last edit put text in. Where it took some away, as undoing does, there is no hint to be made."""
    edits: int = 0
    asked: int = -1
    """The number of edits when the last request came."""
    rhythm: Rhythm = field(default_factory=Rhythm)
    requests: list[_Request] = field(default_factory=list)
    hinted: tuple[int, Lines, float] | None = None
    """Number of edits, lines asked for and time of the request that the hint on the screen answered."""

    def waiting(self) -> list[_Request]:
        """The requests that have no answer yet, the oldest first."""
        return [request for request in self.requests if not request.answer.done()]


class Hints:
    """What is hinted at in the open documents, and the requests for it."""

    def __init__(self, suggest: Suggest, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._suggest = suggest
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._shown: Hint | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def edited(self, uri: str, edit: Edit) -> None:
        """Take note of an edit: requests for the text before it have to wait."""
        place = self._places.setdefault(uri, _Place())
        place.cursor = caret_after(edit)
        place.typed = bool(edit.text)
        place.edits += 1
        place.rhythm.key(self._clock())
        if self._shown is not None and self._shown.uri == uri:
            self._shown = typed_into(self._shown, edit)
        if place.waiting():
            asyncio.get_running_loop().call_later(UNASKED, self._catch_up, uri, place, place.edits)

    def closed(self, uri: str) -> None:
        """Forget a document; its requests are answered with nothing."""
        place = self._places.pop(uri, None)
        for request in place.waiting() if place is not None else ():
            request.resolve(None)
        if self._shown is not None and self._shown.uri == uri:
            self._shown = None

    def stop(self) -> None:
        """Answer all that waits."""
        for uri in list(self._places):
            self.closed(uri)

    async def answer(self, uri: str, lines: Lines) -> Hint | None:
        """Answer a request for the hint of a document, which may stand outside of the lines that were asked for."""
        if self._shown is not None and self._shown.uri != uri:
            self._shown = None  # the user looks at another document now
        place = self._places.get(uri)
        if place is None or self._covered(place, lines):
            return None
        loop = asyncio.get_running_loop()
        request = _Request(place.edits, loop.create_future())
        if older := place.waiting():
            loop.call_later(CLEARED, self._clear, place, place.edits, older[0])
        place.requests = [*older, request]
        place.asked = place.edits
        loop.call_later(HELD, self._give_up, uri, request)
        self._begin(self._drive(uri, place, lines))
        return await request.answer

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def shown(self) -> Hint | None:
        """The hint that stands and fits the text."""
        return self._shown

    def forget(self) -> None:
        """Let no hint be accepted that stands now."""
        self._shown = None

    def _clear(self, place: _Place, edits: int, owed: _Request) -> None:
        """Take a wrong hint from the screen by an answer that is owed, unless a key came since or is to be expected."""
        if place.hinted is not None and place.edits == edits and not until_quiet(place.rhythm, self._clock()):
            place.hinted = None
            owed.resolve(None)

    def _catch_up(self, uri: str, place: _Place, edits: int) -> None:
        """Where an edit brought no request, since it crossed an answer: use the request that was kept."""
        if place.edits == edits and place.asked != edits and place.waiting():
            self._begin(self._drive(uri, place, EVERYWHERE))

    def _give_up(self, uri: str, request: _Request) -> None:
        """Answer before the editor complains, with what it has."""
        request.resolve(self._shown if self._shown is not None and self._shown.uri == uri else None)

    def _covered(self, place: _Place, lines: Lines) -> bool:
        """Whether an entry of the menu is previewed where the hint is.

        Helix puts it into the text without a word. But then it asks again for the hint that it has.
        """
        if place.hinted is None or place.hinted[:2] != (place.edits, lines):
            return False
        return self._clock() - place.hinted[2] > SAME_MOMENT

    async def _drive(self, uri: str, place: _Place, lines: Lines) -> None:
        cursor, edits, asked = place.cursor, place.edits, self._clock()
        suggestion = await self._suggest(uri, cursor) if place.typed else None
        if place.edits == edits:
            await asyncio.sleep(until_quiet(place.rhythm, self._clock()))
        while suggestion is not None and place.edits == edits and self._clock() < asked + WHOLE:
            # A whole line is remembered, so that the same comes back at once.
            more = await self._suggest(uri, cursor)
            if more is None or more == suggestion:
                break
            suggestion = more
        waiting = place.waiting()
        if place.edits != edits or not waiting:
            return
        self._shown = Hint(uri, cursor, suggestion) if suggestion is not None else None
        place.hinted = (edits, lines, asked) if suggestion is not None else None
        # Two of the same text are from two windows, and both need their answer.
        present = [request for request in waiting if request.edits == edits]
        place.requests = present if len(waiting) > len(present) == 1 else []
        for request in waiting:
            if request not in place.requests:
                request.resolve(self._shown)


def caret_after(edit: Edit) -> Cursor:
    """Where the cursor stands after an edit: at its end, or inside of what an editor closed by itself."""
    lines = edit.text.split("\n")
    if edit.text in PAIRS:
        return Cursor(edit.start.line, edit.start.column + 1)
    if len(lines) > 2 and not edit.text.strip():
        # A line end between brackets becomes two, and the closing one goes to the last line.
        return Cursor(edit.new_end.line - 1, len(lines[-2].rstrip("\r")))
    return edit.new_end


def typed_into(hint: Hint, edit: Edit) -> Hint | None:
    """What is left of a hint when an edit types its beginning, or None."""
    typed, text = edit.text.replace("\r\n", "\n"), hint.suggestion.text
    if edit.start != hint.cursor or edit.removed or not text.startswith(typed) or typed == text:
        return None
    return Hint(hint.uri, edit.new_end, hint.suggestion.cut(text[len(typed) :]))


def beginning(suggestion: Suggestion, amount: str) -> Suggestion:
    """As much of a suggestion as is to be accepted: its next ``word``, its next ``line``, or all of it."""
    found = BEGINNINGS[amount].match(suggestion.text) if amount in BEGINNINGS else None
    if found is None or found.end() == len(suggestion.text):
        return suggestion
    return Suggestion(found.group())


def visible(suggestion: Suggestion, after: str) -> Suggestion:
    """What of a suggestion is drawn in front of the rest of its line, which it may repeat and take the place of."""
    if "\n" in suggestion.text:
        return suggestion
    return suggestion.cut(suggestion.text.removesuffix(after[: suggestion.overwrite]))


def until_quiet(rhythm: Rhythm, now: float) -> float:
    """Seconds to wait until no key is to be expected; 0 outside of a burst of typing."""
    if rhythm.interval is None:
        return 0.0
    since = now - rhythm.last_key
    first, last = (share * rhythm.interval for share in EXPECTED)
    return last - since if first < since < last else 0.0
