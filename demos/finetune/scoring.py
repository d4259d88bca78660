"""Whether a suggestion names the right method, and whether all of it is enough. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from finetune.call_sites import CallSite
from finetune.library import NAMES

ENOUGH_AFTER = 8
MOST_BEFORE = 1
ENOUGH_NAMES = 8
MOST_COPIED = 4
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was suggested at one call site."""

    site: CallSite = field(default_factory=CallSite)
    before: str = ""
    """By the base, in the editor."""
    after: str = ""
    """By the tuned model, in the editor."""
    copied: str = ""
    """By the copier that names the most."""


@dataclass(frozen=True, slots=True)
class Score:
    """The numbers that the demonstration stands or falls with."""

    sites: int = 0
    before: int = 0
    after: int = 0
    names: int = 0
    """Different right names among the answers of the tuned model."""
    copied: int = 0

    @property
    def failures(self) -> list[str]:
        """What is below the bar, each in a line; empty: nothing."""
        bars = (
            (self.after >= ENOUGH_AFTER, f"after: {self.after} right, {ENOUGH_AFTER} are wanted"),
            (self.before <= MOST_BEFORE, f"before: {self.before} right, at most {MOST_BEFORE} may be"),
            (self.names >= ENOUGH_NAMES, f"{self.names} different names, {ENOUGH_NAMES} are wanted"),
            (self.copied <= MOST_COPIED, f"the copier: {self.copied} right, at most {MOST_COPIED} may be"),
        )
        return [said for met, said in bars if not met]


def named(suggestion: str) -> str:
    """The name that a suggestion begins with, "" if with none."""
    found = _NAME.match(suggestion)
    return found.group() if found else ""


def is_right(suggestion: str, wanted: str) -> bool:
    """Whether a suggestion begins with the wanted name, and calls it."""
    return named(suggestion) == wanted and suggestion[len(wanted) :].lstrip().startswith("(")


def score(outcomes: Sequence[Outcome]) -> Score:
    """Count."""
    after = [each for each in outcomes if is_right(each.after, each.site.wanted)]
    return Score(
        sites=len(outcomes),
        before=sum(is_right(each.before, each.site.wanted) for each in outcomes),
        after=len(after),
        names=len({each.site.wanted for each in after} & set(NAMES)),
        copied=sum(is_right(each.copied, each.site.wanted) for each in outcomes),
    )
