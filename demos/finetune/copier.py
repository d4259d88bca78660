"""What learning is held against: a copier that knows the training data by heart and understands nothing. Pure.

It says what most often followed the last tokens in the training data; where they never occurred together it looks at
fewer of them. It goes on so until the line's end.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

LONGEST = 24
"""Tokens of an answer, as the language server asks for."""


class Copier:
    """N-gram models with back-off, of any order up to the ``highest``: of order 3 it looks at the last two tokens."""

    def __init__(self, highest: int) -> None:
        self._highest = highest
        self._counts: dict[tuple[int, ...], Counter[int]] = {}

    def learn(self, documents: Iterable[Sequence[int]]) -> None:
        """Count what follows what."""
        for ids in documents:
            for at, token in enumerate(ids):
                for length in range(min(self._highest, at + 1)):
                    self._counts.setdefault(tuple(ids[at - length : at]), Counter())[token] += 1

    def next(self, ids: Sequence[int], order: int) -> int | None:
        """What comes next, the more frequent first, of equals the smaller id; None if nothing was learnt."""
        for length in range(min(order - 1, len(ids)), -1, -1):
            counts = self._counts.get(tuple(ids[len(ids) - length :]))
            if counts:
                return min(counts, key=lambda token: (-counts[token], token))
        return None

    def line(self, ids: Sequence[int], order: int, decode: Callable[[Sequence[int]], str]) -> str:
        """What it adds to a prompt, up to the line's end."""
        said: list[int] = []
        while len(said) < LONGEST and "\n" not in decode(said):
            token = self.next([*ids, *said], order)
            if token is None:
                break
            said.append(token)
        return decode(said).split("\n")[0]
