"""Likeness of lines, and repetition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotfish.lsp.filters.similarity import may_become, similar, tail_period, tokens, within

WORDS = st.text("ab c", max_size=9)


def levenshtein(one: str, other: str) -> int:
    """Edit distance, by its definition."""
    row = list(range(len(other) + 1))
    for at, character in enumerate(one, start=1):
        previous, row[0] = row[0], at
        for column in range(1, len(other) + 1):
            cell = min(row[column] + 1, row[column - 1] + 1, previous + (character != other[column - 1]))
            previous, row[column] = row[column], cell
    return row[-1]


@settings(max_examples=300, deadline=None)
@given(one=WORDS, other=WORDS, distance=st.integers(0, 6))
def test_within(one: str, other: str, distance: int) -> None:
    """The bounded distance agrees with the plain one."""
    assert within(one, other, distance) == (levenshtein(one, other) <= distance)


@settings(max_examples=200, deadline=None)
@given(sequence=st.text("ab", max_size=12))
def test_tail_period(sequence: str) -> None:
    """The period is the smallest shift under which a sequence agrees with itself."""
    shifts = range(1, len(sequence) + 1)
    expected = next((shift for shift in shifts if sequence[shift:] == sequence[: len(sequence) - shift]), 0)
    assert tail_period(sequence) == expected


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("return compute(a)", "  return compute(a)  ", True),
        ("return compute(a)", "return compute(b)", True),
        ("return a", "return b", False),
        ("x" * 10, "x" * 9 + "y", False),
        ("x" * 11, "x" * 10 + "y", True),
        ("", "", False),
    ],
)
def test_similar(one: str, other: str, *, alike: bool) -> None:
    """Less than a tenth of the characters may differ, white space around aside."""
    assert similar(one, other) is alike


@pytest.mark.parametrize(
    ("beginning", "possible"),
    [("ret", True), ("retx", False), ("  return compute", True), ("", False), ("  ", False)],
)
def test_may_become(beginning: str, *, possible: bool) -> None:
    """The beginning of a line may become a line that begins alike; nothing at all is no beginning."""
    assert may_become(beginning, "return compute(a)") is possible


def test_tokens() -> None:
    """Words, runs of blanks and signs."""
    assert tokens("x_1  += f(é)") == ["x_1", "  ", "+", "=", " ", "f", "(", "é", ")"]
