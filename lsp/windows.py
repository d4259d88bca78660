"""Where the prompt's window begins, so that its start stands still between keys. Pure.

A backend keeps what it has evaluated of a prompt and continues from the first character that differs. So the
window begins at one line, the anchor, until the prompt has outgrown its budget by a quarter; then the anchor moves
down by half a budget at once, and stands still again.

Where it moves to depends on the lines that it passes over, not on where the cursor is when it happens. So it is
known long before, and the prompt of the coming window can be warmed meanwhile.
"""

from collections.abc import Callable, Sequence

from pilotfish.lsp.positions import Cursor, content_length

LIMIT = 1.25
"""A prompt that is longer than its budget times this gets another window."""
LONGEST_CUT = 0.75
"""How long a prompt is, in budgets, after its window was cut anew around a cursor: at most this …"""
SHORTEST_CUT = 0.6
"""… and at least this, so that there is a choice of good places to begin."""
STEP = 0.5
"""When a window moves on, it drops at least this many budgets of text …"""
LONGEST_STEP = 0.65
"""… and at most this, for a good place to begin …"""
LAST_RESORT_STEP = 0.8
"""… or this, when its lines are long. Beyond that the window is cut anew."""
NEAR = 1.0
"""A prompt of this many budgets is four fifths of the way to its limit: the coming window is worth warming."""
TOO_SHORT = 0.2
"""A prompt of fewer budgets has too little text before the cursor, though there is more: it is cut anew."""

_LOOKED_AT = 200
"""Characters of a line that tell how well a window would begin there."""


def line_size(line: str) -> int:
    """Characters that a line takes in a prompt."""
    return content_length(line) + 1


class Window:
    """Chooses the anchor for one prompt.

    ``overhead(anchor)`` is the length of all that stands before the window: header and pinned imports.
    """

    def __init__(
        self, lines: Sequence[str], cursor: Cursor, *, budget: int, overhead: Callable[[int], int]
    ) -> None:
        self._lines = lines
        self._cursor = cursor
        self._budget = budget
        self._overhead = overhead

    def size(self, anchor: int) -> float:
        """The prompt's length with that anchor; infinite when the lines above the cursor's are over the limit."""
        size = self._overhead(anchor) + self._cursor.column
        limit = LIMIT * self._budget
        for line in range(anchor, self._cursor.line):
            size += line_size(self._lines[line])
            if size > limit:
                return float("inf")
        return size

    def choose(self, anchor: int | None) -> int:
        """The anchor to use, given the one that was used last in this document."""
        limit = LIMIT * self._budget
        if anchor is not None and 0 <= anchor <= self._cursor.line:
            size = self.size(anchor)
            if size <= limit and (anchor == 0 or size >= TOO_SHORT * self._budget):
                return anchor
            if size > limit:
                coming = self.coming(anchor, settled=False)
                if coming is not None and self.size(coming) <= limit:
                    return coming
        return 0 if self.size(0) <= limit else self._around_cursor()

    def coming(self, anchor: int, *, settled: bool = True) -> int | None:
        """The anchor that follows ``anchor``, or None when the lines above the cursor's do not tell.

        ``settled``: only if the line that is being typed can't change it any more.
        """
        dropped = 0
        best: tuple[tuple[int, bool], int] | None = None
        for line in range(anchor, self._cursor.line):
            dropped += line_size(self._lines[line])
            if dropped < STEP * self._budget:
                continue
            if dropped > LONGEST_STEP * self._budget:
                if best is not None:
                    return best[1]
                return line + 1 if dropped <= LAST_RESORT_STEP * self._budget else None
            if line + 1 < self._cursor.line:
                candidate = (self._rank(line + 1), line + 1)
                best = min(best, candidate) if best else candidate
        return best[1] if best and not settled else None

    def _around_cursor(self) -> int:
        """An anchor for a cursor that came from elsewhere, so that the window has room to grow."""
        anchor, size = self._cursor.line, self._cursor.column + self._overhead(self._cursor.line)
        while anchor and size + line_size(self._lines[anchor - 1]) <= LONGEST_CUT * self._budget:
            anchor -= 1
            size += line_size(self._lines[anchor])
        line, best = anchor, (self._rank(anchor), anchor)
        while (
            line < self._cursor.line - 1
            and size - line_size(self._lines[line]) >= SHORTEST_CUT * self._budget
        ):
            size -= line_size(self._lines[line])
            line += 1
            best = min(best, (self._rank(line), line))
        return best[1]

    def _rank(self, line: int) -> tuple[int, bool]:
        """How badly a window would begin at a line: best are little indented ones after a blank line."""
        text = self._lines[line][:_LOOKED_AT]
        content = text.strip()
        if not content or content[0] in ")]}" or content.startswith(("else", "elif", "except", "end")):
            return (_LOOKED_AT, True)
        above = self._lines[line - 1][:_LOOKED_AT] if line else ""
        return (len(text) - len(text.lstrip()), bool(above.strip()))


def line_step(budget: int) -> int:
    """By how many columns the window's start moves within a line that is too long for it."""
    return max(1, int(STEP * budget))


def line_cut(column: int, *, budget: int, overhead: int) -> int:
    """The column at which the window begins in a line that is too long for it: a multiple of ``line_step``."""
    step = line_step(budget)
    kept = max(step, int(LONGEST_CUT * budget) - overhead)
    return max(0, (column - kept) // step * step)
