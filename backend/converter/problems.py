"""What stands in the way of a conversion, said all at once."""

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    where: str = ""
    """The file, tensor or setting; empty: the whole."""
    what: str = ""
    """What is wrong with it, and what was expected."""

    def __str__(self) -> str:
        """As a line for people."""
        return f"{self.where}: {self.what}" if self.where else self.what


class ConvertError(Exception):
    """A checkpoint or repository can't be used as asked; the message says why and what to do."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        """All that was found, of which the message shows the first ones."""
        lines = [message, *(f"  {problem}" for problem in self.problems[:_MOST_SHOWN])]
        if (more := len(self.problems) - _MOST_SHOWN) > 0:
            lines.append(f"  … and {more} more")
        super().__init__("\n".join(lines))
