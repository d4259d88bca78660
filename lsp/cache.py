"""Remembers suggestions, and finds them again while what they suggest is being typed.

Pure: time comes in as an argument.
"""

from collections import OrderedDict
from dataclasses import dataclass

from pilotfish.lsp.filters import Suggestion

CAPACITY = 250
TTL = 300.0
"""Seconds."""
LOOK_BACK = 128
"""So many characters of a suggestion may have been typed since it was made."""
BEFORE = 160
"""Characters before the cursor that must agree."""
AFTER = 64
"""Characters after the cursor that must agree."""


@dataclass(frozen=True, slots=True)
class _Key:
    document: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Entry:
    suggestion: Suggestion
    expires: float


class CompletionCache:
    """The most recently used suggestions of all documents.

    ``before`` and ``after`` are the text around the cursor; only the last ``BEFORE + LOOK_BACK`` and the first
    ``AFTER`` characters are looked at, so that a lookup costs the same in every document.
    """

    def __init__(self, capacity: int = CAPACITY, ttl: float = TTL) -> None:
        self._capacity = capacity
        self._ttl = ttl
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()

    def put(self, document: str, before: str, after: str, suggestion: Suggestion, *, now: float) -> None:
        """Remember what was suggested at a place."""
        key = _key(document, before, after)
        self._entries[key] = _Entry(suggestion, now + self._ttl)
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def get(self, document: str, before: str, after: str, *, now: float) -> Suggestion | None:
        """What is left of a suggestion for this place, or for one that typing its text has led here from."""
        for typed in range(min(LOOK_BACK, len(before)) + 1):
            start = len(before) - typed
            key = _key(document, before[:start] if typed else before, after)
            entry = self._entries.get(key)
            if entry is None:
                continue
            if entry.expires <= now:
                del self._entries[key]
                continue
            text = entry.suggestion.text
            if len(text) > typed and text.startswith(before[start:]):
                self._entries.move_to_end(key)
                return Suggestion(text[typed:], entry.suggestion.overwrite)
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def _key(document: str, before: str, after: str) -> _Key:
    return _Key(document, before[-BEFORE:], after[:AFTER])
