"""Where the demonstration types."""

import textwrap
from itertools import pairwise

import pytest

from pilotfish.lsp.demo_places import choose_places, look_at

FUNCTION = '''
    import os

    LIMIT = compute(1, 2)


    def first(items):
        """Sums up.

        result = total(items)
        return the result
        """
        # total = 0
        total = combine(
            items,
            start=0,
        )
        total = total + 1
        return [total, LIMIT]
'''


def places_in(text: str, language: str = "python") -> list[tuple[str, ...]]:
    lines = textwrap.dedent(text).split("\n")
    places = choose_places(lines, language=language)
    assert all(tuple(lines[p.line : p.line + len(p.texts)]) == p.texts for p in places)
    return [tuple(text.strip() for text in place.texts) for place in places]


def test_places_are_statements_inside_functions() -> None:
    """Docstrings, comments, module level and parts of statements are left alone."""
    assert places_in(FUNCTION) == [("total = total + 1", "return [total, LIMIT]")]


def test_python_that_does_not_parse_is_looked_through_by_indentation() -> None:
    """A file of another Python version has places too."""
    assert places_in("def f(:\n    total = total + 1\n    return [total, 0]\n    # end") == [
        ("total = total + 1", "return [total, 0]")
    ]


def test_other_languages_have_places() -> None:
    """Braces and comments of other languages are understood well enough."""
    text = """
    function sum(items) {
        // let total = 0; all of it
        let total = items.length;
        if (total > items[0]) {
            return total;
        }
    }
    """
    assert places_in(text, "javascript") == [("let total = items.length;", "if (total > items[0]) {")]


@pytest.mark.parametrize("text", ["", "x = 1\n", "some prose\n    and more of it\n    without any code\n\n"])
def test_files_without_code_have_no_places(text: str) -> None:
    """Nothing is invented where there is nothing to type."""
    assert places_in(text, "plaintext") == []


def test_places_go_downwards_and_keep_apart() -> None:
    """Each place is below the one before, so that line numbers can be followed."""
    body = "".join(f"    value_{n} = compute({n})\n" for n in range(60))
    places = choose_places(f"def f():\n{body}".split("\n"), language="python")
    assert len(places) >= 5
    assert all(after.line - before.line >= 6 for before, after in pairwise(places))


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("    return self._defaults", "    return "),
        ("    total = combine(items, start)", "    total = combine("),
        ("\tabcdefghijklmnopqrstuvwxyz", "\tabcdefghi"),
    ],
)
def test_the_typist_looks_up_at_a_words_end(text: str, typed: str) -> None:
    """A good third of the line is typed, to the end of a word if there is one."""
    assert text[: look_at(text)] == typed
