"""Decides which beginnings of prompts CTranslate2 keeps the state of. Pure.

CTranslate2 can keep the attention's keys and values of a "static prompt" and start later generations there. What it
keeps, it keeps until the model is unloaded, it can't extend it, and it finds it by its exact tokens only. So a
beginning is kept when a second prompt shares it, when it is clearly longer than what is kept already, and while the
budget lasts; ``crowded`` says that it would be time to unload.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

BLOCK = 32
"""Beginnings end at multiples of this: the last tokens before the cursor are those that change."""
LEAST = 64
"""Copying a kept state costs as much as reading some tokens; shorter beginnings are not worth it."""
REMEMBERED = 64
"""How many of the last prompts a new one is compared with."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How many of a prompt's first tokens are handed over as its static prompt."""

    length: int = 0
    kept: bool = False
    """Whether the state is kept already."""
    keep: bool = False
    """Whether it is to be kept."""


NO_CUT = Cut()


class Prefixes:
    """The beginnings that are kept, within a budget of tokens; 0 keeps none. Not thread-safe."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self.crowded = False
        self._kept: set[tuple[int, ...]] = set()
        self._recent: deque[tuple[int, ...]] = deque(maxlen=REMEMBERED)

    def cut(self, prompt: Sequence[int], *, again: bool = False) -> Cut:
        """Where to cut a prompt. ``again`` says that this very prompt will come once more."""
        if self.budget == 0:
            return NO_CUT
        tokens = tuple(prompt)
        # At least one token is left, out of which the model makes the first new one.
        longest = len(tokens) - 1
        matching = (len(each) for each in self._kept if each == tokens[: len(each)])
        kept = max((length for length in matching if length <= longest), default=0)
        known = [tokens] if again else self._recent
        shared = max((common_length(each, tokens[:longest]) for each in known), default=0) // BLOCK * BLOCK
        self._remember(tokens)
        # A longer beginning is read from the start to be kept: it should save a good part of every later reading.
        if shared < LEAST or shared - kept < shared // 4:
            return Cut(kept, kept=kept > 0, keep=kept > 0)
        if self.used + shared > self.budget:
            self.crowded = self.crowded or shared <= self.budget
            return Cut(kept, kept=kept > 0, keep=kept > 0)
        # Counted before the model has read it, so that calls beside this one can't exceed the budget.
        self._kept.add(tokens[:shared])
        self.used += shared
        return Cut(shared, keep=True)

    def forget(self) -> None:
        """Start over: the model was unloaded."""
        self._kept.clear()
        self.used = 0
        self.crowded = False

    def _remember(self, tokens: tuple[int, ...]) -> None:
        if tokens in self._recent:
            self._recent.remove(tokens)
        self._recent.append(tokens)


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many first tokens two sequences share."""
    limit = min(len(one), len(other))
    if one[:limit] == other[:limit]:
        return limit
    return next(index for index in range(limit) if one[index] != other[index])
