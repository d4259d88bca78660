"""Times from a key to the ghost text that it brings, as the tests of editors measured them: a table at the end.

A plugin of pytest: `tests/conftest.py` makes it known. Nothing is asserted on these numbers, which say as much of the
machine as of us.
"""

import math
import statistics
from collections.abc import Sequence

import pytest

_TIMES: dict[str, list[float]] = {}


def record(editor: str, seconds: Sequence[float]) -> None:
    """Keep an editor's times, from its last key to its drawn ghost text; a later call (a rerun) replaces them."""
    _TIMES[editor] = list(seconds)


def table(times: dict[str, list[float]]) -> list[str]:
    """Lines of a table: the median, the slowest of ten, and how many."""
    rows = [("editor", "p50", "p90", "times")]
    for editor, seconds in sorted(times.items()):
        p50, p90 = statistics.median(seconds), sorted(seconds)[math.ceil(0.9 * (len(seconds) - 1))]
        rows.append((editor, f"{1000 * p50:.0f} ms", f"{1000 * p90:.0f} ms", str(len(seconds))))
    width = max(len(row[0]) for row in rows)
    return [f"{name:{width}} {p50:>8} {p90:>8} {count:>6}" for name, p50, p90, count in rows]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if _TIMES:
        terminalreporter.write_sep("-", "from the last key to drawn ghost text, real model on this CPU")
        for line in table(_TIMES):
            terminalreporter.write_line(line)
