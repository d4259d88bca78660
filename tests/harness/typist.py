"""A typist who follows the clock, whatever the server does, and notes what an editor would have shown.

*Shown* for a key: before the next key was sent there came an answer to the request for the text with that
key in it, with an item that an editor can show at the caret (`Caret.ghost_text`) and that is not empty.

*Stale* is one of two things. `wrong`: something was shown whose ghost text is no beginning of what may follow the text
as it stood then. `late`: an answer with items came for a text that had been replaced, although the server knew of the
replacement (it had answered a later request already) or had GRACE seconds to learn of it. The contract wants such an
answer empty; an editor that trusted it would overwrite what was typed since.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.documents import Caret, InvalidItemError, TextDocument
from harness.editor import AUTOMATIC, Editor
from harness.lsp_client import DEADLINE, Request, Response

GRACE = 0.25
"""Seconds for which a busy machine may keep a server from reading the next change."""
Expected = Callable[[int], Sequence[str]]
"""From the number of characters typed so far to the texts that may follow."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How keys follow each other, in seconds, and what the client does with each."""

    interval: float = 0.08
    ask_after: float = 0.0
    """From a key to its request: 0 as many clients do, 0.05 as VS Code does. Below `interval`."""
    cancel: bool = True
    """Cancel the request of the key before, if it is still open, at once with each key."""
    kind: int = AUTOMATIC


@dataclass(slots=True)
class Key:
    """One key: when it was due and sent, its request, and what came of it. Times are monotonic."""

    text: str
    due: float
    sent: float = 0.0
    request: Request | None = None
    caret: Caret | None = None
    until: float = float("inf")
    """When the next key was sent."""
    ghost: str | None = None
    """What was shown; None: nothing."""
    wrong: str | None = None
    """Why what was shown is wrong; None: it is not."""
    late: bool = False

    @property
    def response(self) -> Response | None:
        """The answer, if one came."""
        return self.request.responses[0] if self.request and self.request.responses else None

    @property
    def latency(self) -> float | None:
        """Seconds from when the key was due to its answer."""
        return None if self.response is None else self.response.received - self.due


@dataclass(frozen=True, slots=True)
class TypingRun:
    """What came of a run of keys."""

    keys: tuple[Key, ...]

    @property
    def shown(self) -> int:
        """Keys for which something was shown before the next."""
        return sum(key.ghost is not None for key in self.keys)

    @property
    def stale(self) -> list[str]:
        """What was stale, a line each."""
        wrong = [f"key {i}: {key.wrong}" for i, key in enumerate(self.keys) if key.wrong]
        return wrong + [f"key {i}: items for a replaced text" for i, key in enumerate(self.keys) if key.late]

    @property
    def unanswered(self) -> int:
        """Requests without an answer."""
        return sum(key.request is not None and key.response is None for key in self.keys)

    @property
    def latencies(self) -> list[float]:
        """Seconds from each key to its answer, where one came."""
        return [key.latency for key in self.keys if key.latency is not None]

    @property
    def settle(self) -> float | None:
        """Seconds from the last key to its answer."""
        return self.keys[-1].latency


async def type_text(
    editor: Editor,
    document: TextDocument,
    offset: int,
    text: Sequence[str],
    *,
    rhythm: Rhythm,
    expected: Expected | None,
) -> TypingRun:
    """Type `text` at `offset`, key by key, and wait for the answer to the last key.

    A key may insert several characters, as Enter does where the editor indents. `expected` None: whatever can be
    shown is right, as with a real model.

    Keys are sent at their due times even when answers are outstanding; when the client itself falls behind,
    it shows in `Key.sent`.
    """
    if not 0 <= rhythm.ask_after < rhythm.interval:
        raise ValueError("ask_after must lie between 0 and interval")
    start = time.monotonic() + rhythm.interval
    keys = [Key(typed, start + index * rhythm.interval) for index, typed in enumerate(text)]
    before: Key | None = None
    for key in keys:
        await _sleep_until(key.due)
        key.sent = editor.insert(document, offset, key.text)
        offset += len(key.text)
        if before is not None:
            before.until = key.sent
            if rhythm.cancel and before.request is not None and before.request.open:
                editor.client.cancel(before.request)
        if rhythm.ask_after:
            await _sleep_until(key.due + rhythm.ask_after)
        key.caret = document.caret(offset)
        key.request = editor.ask(document, offset, rhythm.kind)
        before = key
    if before is not None and before.request is not None:
        await before.request.response(DEADLINE)
    typed = 0
    for index, key in enumerate(keys):
        typed += len(key.text)
        later = [each.response.received for each in keys[index + 1 :] if each.response is not None]
        known = min([key.until + GRACE, *later])
        _judge(key, None if expected is None else expected(typed), known=known)
    return TypingRun(tuple(keys))


def following(reference: str, start: int) -> Expected:
    """What may follow when `reference[start:]` is being typed: its own continuation, nothing else."""
    return lambda typed: [reference[start + typed :]]


def _judge(key: Key, expected: Sequence[str] | None, *, known: float) -> None:
    """Decide what came of a key; by `known` at the latest the server knew that its text had been replaced."""
    response = key.response
    if response is None or key.caret is None or not response.items:
        return
    if response.received >= key.until:
        key.late = response.received > known
        return
    try:
        ghost = key.caret.ghost_text(response.items[0])
    except InvalidItemError as error:
        key.wrong = str(error)
        return
    key.ghost = ghost or None
    if ghost and expected is not None and not any(text.startswith(ghost) for text in expected):
        key.wrong = f"{ghost!r} does not follow {key.caret.text[: key.caret.column]!r}"


async def _sleep_until(due: float) -> None:
    await asyncio.sleep(max(0.0, due - time.monotonic()))
