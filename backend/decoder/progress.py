"""How far one row is, and when it ends. Pure."""

from collections.abc import Sequence

from .choosing import ends_with
from .rows import Outcome, Reason, Row, Step


class Progress:
    """Collects a row's tokens and says why it ended."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.tokens: list[int] = []
        self.reason: Reason | None = "length" if row.max_tokens == 0 else None
        self.cached_tokens = 0
        longest = max((len(word) for word in row.stop_words), default=1)
        self._tail = list(row.context[-longest:])
        self._longest = longest

    @property
    def context(self) -> list[int]:
        """The prompt and what was generated so far."""
        return [*self.row.context, *self.tokens]

    def step(self, token: int, logprob: float | None = None, top: Sequence[tuple[int, float]] = ()) -> Step:
        """Take a token."""
        self.tokens.append(token)
        self._tail = [*self._tail, token][-self._longest :]
        if token == self.row.end_id:
            self.reason = "end"
        elif any(ends_with(self._tail, word) for word in self.row.stop_words):
            self.reason = "stop_word"
        elif len(self.tokens) == self.row.max_tokens:
            self.reason = "length"
        return Step(token, logprob, top, self.reason is not None, self.cached_tokens)

    def cancel(self) -> None:
        """End here, unless it has ended by itself."""
        self.reason = self.reason or "cancelled"

    def outcome(self) -> Outcome:
        """How it ended; asked for when it did."""
        assert self.reason is not None
        return Outcome(self.reason, len(self.tokens), self.cached_tokens)
