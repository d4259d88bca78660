"""How the demonstration draws."""

import pytest

from pilotfish.lsp.demo_screen import View, coloured, plain, rows

LINES = [f"line {number}" for number in range(1, 101)]


def test_ghost_text_stands_at_the_cursor_between_marks() -> None:
    """What is offered is told apart from what is there."""
    assert plain(View(["def f(a):", "    return a"], 1, 10, "[0]"), 5) == (
        "    1 │ def f(a):\n    2 │     return▏⟦[0]⟧ a"
    )


def test_ghost_text_of_several_lines_pushes_what_follows_down() -> None:
    """The rest of the cursor's line stands behind the last line of the ghost text."""
    drawn = plain(View(["a()", "z"], 0, 2, "x,\n  y", replaces=0), 5)
    assert drawn.split("\n") == ["    1 │ a(▏⟦x,⟧", "      │ ⟦  y⟧)", "    2 │ z"]


def test_what_ghost_text_replaces_is_not_shown() -> None:
    """An item that takes in the closing bracket shows it once."""
    assert plain(View(["f(x)"], 0, 3, ", y)", replaces=1), 1) == "    1 │ f(x▏⟦, y)⟧"


@pytest.mark.parametrize("line", [0, 1, 50, 98, 99])
@pytest.mark.parametrize("ghost", ["", "x", "x\ny\nz"])
def test_the_window_holds_the_cursor_and_its_ghost_text(line: int, ghost: str) -> None:
    """Anywhere in the file the cursor's row and all of the ghost text are in view, and the height is kept."""
    drawn = rows(View(LINES, line, 4, ghost), 8)
    assert len(drawn) == 8
    assert [row.number for row in drawn if row.cursor] == [line + 1]
    assert "\n".join(row.ghost for row in drawn if row.ghost) == ghost


def test_a_file_shorter_than_the_window_is_shown_whole() -> None:
    """No rows are made up."""
    assert [row.before for row in rows(View(["a", "b"], 0, 1), 8)] == ["a", "b"]


def test_control_characters_reach_no_terminal() -> None:
    """A file or a model can't move the cursor or change the title of the terminal."""
    view = View(["a\x1b]0;title\x07\tb"], 0, 1, "\x1b[2J")
    assert "\x1b" not in plain(view, 3)
    assert "\x1b" not in coloured(view, 3).plain


def test_colours_change_no_text() -> None:
    """The coloured window says the same as the plain one, marks aside."""
    view = View(
        ['def f(x: str) -> "None":', "    return x  # why", "    ", "\tpass"], 1, 12, "yz\n  w", 0, "python"
    )
    marks = str.maketrans("", "", "⟦⟧")
    drawn = [line.rstrip() for line in coloured(view, 9).plain.rstrip("\n").split("\n")]
    assert drawn == plain(view, 9).translate(marks).split("\n")


def test_ghost_text_is_dimmed() -> None:
    """In a terminal the ghost text has a style of its own."""
    drawn = coloured(View(["abc"], 0, 3, "ghost"), 1)
    assert [str(span.style) for span in drawn.spans if drawn.plain[span.start : span.end] == "ghost"] == [
        "dim italic"
    ]
