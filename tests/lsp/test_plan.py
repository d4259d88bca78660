"""Planning a call, and the text as it would be after accepting a suggestion."""

import pytest

from pilotfish.lsp.context import Style
from pilotfish.lsp.documents import TextBuffer, split_lines
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.place import Query
from pilotfish.lsp.plan import after_accepting, plan_call
from pilotfish.lsp.settings import CompletionSettings


def query(marked: str, *, automatic: bool = True) -> Query:
    """A query in a Python file, at the mark."""
    text = marked.replace("|", "")
    cursor = TextBuffer(marked[: marked.index("|")]).cursor(10_000, 0)
    return Query("file:///a.py", 1, split_lines(text), cursor, "python", "a.py", len(text), automatic)


@pytest.mark.parametrize(
    ("before", "suggestion", "after"),
    [
        ("a = |\nb\n", Suggestion("1"), "a = 1|\nb\n"),
        ("a = |", Suggestion("1"), "a = 1|"),
        ("f(|)\nb", Suggestion("1)", overwrite=1), "f(1)|\nb"),
        ("if a:|\nb\n", Suggestion("\n    c\n    d"), "if a:\n    c\n    d|\nb\n"),
        ("if a:|", Suggestion("\n    c"), "if a:\n    c|"),
        ("a\r\nb|\r\n", Suggestion("c"), "a\r\nbc|\r\n"),
    ],
)
def test_after_accepting(before: str, suggestion: Suggestion, after: str) -> None:
    """The suggestion stands in the text, the cursor behind it."""
    follows = after_accepting(query(before), suggestion)
    expected = query(after)
    assert follows.lines == expected.lines
    assert follows.cursor == expected.cursor


def test_a_line_ends_the_call_at_its_end() -> None:
    """The backend is told to stop there, but not where the next line is wanted."""
    asked = query("a = |\n")
    settings = CompletionSettings()
    line = plan_call(asked, anchor=None, style=Style(), device="cpu", settings=settings)
    assert line.request.stop == ("\n",)
    ahead = plan_call(asked, anchor=None, style=Style(), device="cpu", settings=settings, ahead=True)
    assert ahead.request.stop == ()


def test_by_hand_a_block_is_asked_for() -> None:
    """Whoever asks waits for more."""
    plan = plan_call(
        query("def f():\n    |", automatic=False),
        anchor=None,
        style=Style(),
        device="cpu",
        settings=CompletionSettings(max_lines=3),
    )
    assert plan.place.surroundings.multiline
    assert plan.place.surroundings.max_lines == 3
    assert plan.request.max_tokens > 24
