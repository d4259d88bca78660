"""Remembers suggestions and finds them again while their text is typed. Pure: time comes in as an argument."""

from collections import Counter, OrderedDict
from dataclasses import dataclass

from pilotfish.lsp.filters import Suggestion, Surroundings
from pilotfish.lsp.filters.seam import fit_right

CAPACITY = 250
TTL = 300.0
"""Seconds."""
LOOK_BACK = 128
"""So many characters of a suggestion may have been typed since it was made."""
BEFORE = 160
"""Characters before the cursor that must agree."""
AFTER = 64
"""Characters after the cursor that must agree."""

RANKS = (1, 2)
"""What else may stand at a place, beside the likeliest, whose rank is 0."""

_OPENERS = {")": "(", "]": "[", "}": "{", ">": "<", '"': '"', "'": "'", "`": "`"}
_CLOSED_AT_ONCE = 2
"""So many brackets and quotes that the editor closed since are seen through."""


@dataclass(frozen=True, slots=True)
class _Entry:
    suggestion: Suggestion
    expires: float


class CompletionCache:
    r"""The most recently used suggestions of all documents.

    ``before`` and ``after`` are the text around the cursor with ``\n`` for line ends. Only the last
    ``BEFORE + LOOK_BACK`` and the first ``AFTER + 2`` characters are looked at, so that a lookup costs the same in
    every document; whoever cuts them shorter must do so always.
    """

    def __init__(self, capacity: int = CAPACITY, ttl: float = TTL) -> None:
        self._capacity = capacity
        self._ttl = ttl
        self._entries: OrderedDict[tuple[str, int, str, str], _Entry] = OrderedDict()
        self._places: Counter[tuple[str, int, str]] = Counter()
        """How many entries there are by document, rank and text after the cursor: mostly that tells of a miss."""

    def put(
        self, document: str, before: str, after: str, suggestion: Suggestion, *, now: float, rank: int = 0
    ) -> None:
        """Remember what was suggested at a place: the likeliest, or with a ``rank`` what else may stand there."""
        place = (document, rank, after[:AFTER])
        key = (*place, before[-BEFORE:])
        if key not in self._entries:
            self._places[place] += 1
        self._entries[key] = _Entry(suggestion, now + self._ttl)
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._remove(next(iter(self._entries)))

    def get(self, document: str, before: str, after: str, *, now: float, rank: int = 0) -> Suggestion | None:
        """What is left of a suggestion for this place, or for one from where typing its text has led here.

        An editor that closes brackets puts more behind the cursor than was typed; that is seen through, and what is
        left is fitted to it.
        """
        found = self._find(document, rank, before, after, now=now, closed=0)
        for closed in range(1, _CLOSED_AT_ONCE + 1):
            if found is None and after[closed - 1 : closed] in _OPENERS:
                found = self._find(document, rank, before, after, now=now, closed=closed)
            else:
                break
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._places.clear()

    def _find(
        self, document: str, rank: int, before: str, after: str, *, now: float, closed: int
    ) -> Suggestion | None:
        place = (document, rank, after[closed : closed + AFTER])
        if place not in self._places:
            return None
        openers = [_OPENERS[sign] for sign in after[:closed]]
        for start in range(len(before), max(-1, len(before) - LOOK_BACK - 1), -1):
            key = (*place, before[max(0, start - BEFORE) : start])
            entry = self._entries.get(key)
            if entry is None:
                continue
            if entry.expires <= now:
                self._remove(key)
                continue
            typed, text = before[start:], entry.suggestion.text
            if len(text) == len(typed) or not text.startswith(typed):
                continue
            rest = Suggestion(text[len(typed) :], entry.suggestion.overwrite)
            if closed:
                fitted = _fitted(rest, before, after) if all(opener in typed for opener in openers) else None
                if fitted is None or not fitted.text:
                    continue
                rest = fitted
            self._entries.move_to_end(key)
            return rest
        return None

    def _remove(self, key: tuple[str, int, str, str]) -> None:
        del self._entries[key]
        self._places[key[:3]] -= 1
        if not self._places[key[:3]]:
            del self._places[key[:3]]


def _fitted(rest: Suggestion, before: str, after: str) -> Suggestion | None:
    """The rest of a suggestion, made to go with a rest of the line that was not there when it was made."""
    line, _, _ = after.partition("\n")
    return fit_right(Suggestion(rest.text), Surroundings(before.rpartition("\n")[2], line))
