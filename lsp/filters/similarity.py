"""How alike two lines are, and whether a text goes round in circles."""

import re
from collections.abc import Sequence

_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")


def tokens(text: str) -> list[str]:
    """Lexical tokens: words, runs of white space, and single signs. The model's own are not known here."""
    return _TOKENS.findall(text)


def within(one: str, other: str, distance: int) -> bool:
    """Whether at most ``distance`` characters have to be inserted, removed or replaced to make one text the other."""
    if abs(len(one) - len(other)) > distance:
        return False
    if one == other:
        return True
    if distance < 1:
        return False
    row = list(range(len(other) + 1))
    for at, character in enumerate(one, start=1):
        # Cells further than ``distance`` from the diagonal can't be part of a short enough path.
        low, high = max(1, at - distance), min(len(other), at + distance)
        diagonal, row[low - 1] = row[low - 1], at if low == 1 else distance + 1
        for column in range(low, high + 1):
            cell = (
                diagonal
                if character == other[column - 1]
                else 1 + min(diagonal, row[column], row[column - 1])
            )
            diagonal, row[column] = row[column], cell
        if min(row[low - 1 : high + 1]) > distance:
            return False
    return row[-1] <= distance


def similar(one: str, other: str, *, share: float = 0.1) -> bool:
    """Whether two lines differ in less than ``share`` of their characters, white space around them aside."""
    one, other = one.strip(), other.strip()
    longest = max(len(one), len(other))
    return longest > 0 and within(one, other, max(0, _below(share * longest)))


def may_become(beginning: str, line: str, *, share: float = 0.1) -> bool:
    """Whether a line that begins so may turn out similar to ``line``."""
    beginning, line = beginning.strip(), line.strip()
    return bool(beginning) and similar(beginning, line[: len(beginning)], share=share)


def tail_period(sequence: Sequence[str]) -> int:
    """After how many items a sequence repeats itself, up to its last item; its length if it does not."""
    # The failure function of Knuth, Morris and Pratt: the longest proper beginning that is also an end.
    borders = [0] * len(sequence)
    length = 0
    for at in range(1, len(sequence)):
        while length and sequence[at] != sequence[length]:
            length = borders[length - 1]
        length += sequence[at] == sequence[length]
        borders[at] = length
    return len(sequence) - (borders[-1] if borders else 0)


def _below(limit: float) -> int:
    """The largest whole number less than ``limit``."""
    return int(limit) - (int(limit) == limit)
