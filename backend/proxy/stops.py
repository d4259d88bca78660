"""Stop sequences, matched on text: wherever they stand in the tokens, and never shown."""

from collections.abc import Sequence


class StopMatcher:
    """Feed it text as it comes; it lets through what can't belong to a stop sequence any more.

    The text ends before the stop sequence that is complete first; among those complete at the same character,
    before the longest. So the result does not depend on how the text is cut into pieces.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """The text that may be shown now, and whether a stop sequence has ended it."""
        text = self._held + text
        matches = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) != -1]
        if matches:
            _, start = min(matches)
            self._held = ""
            return text[:start], True
        safe = min((self._safe(text, stop) for stop in self._stops), default=len(text))
        self._held = text[safe:]
        return text[:safe], False

    def rest(self) -> str:
        """What was held back, when the text ended without a stop sequence."""
        held, self._held = self._held, ""
        return held

    @staticmethod
    def _safe(text: str, stop: str) -> int:
        """From where on the text may be the beginning of the stop sequence; its length: nowhere."""
        start = text.find(stop[0], max(0, len(text) - len(stop) + 1))
        while start != -1 and not stop.startswith(text[start:]):
            start = text.find(stop[0], start + 1)
        return len(text) if start == -1 else start
