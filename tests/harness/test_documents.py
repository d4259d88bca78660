"""Positions and ghost text as an editor computes them."""

import pytest

from harness.documents import Caret, Encoding, InvalidItemError, TextDocument

LINE = 'x = "\U0001f41f\u6f22" + y'


def _item(text: str, start: int, end: int, line: int = 0) -> dict[str, object]:
    place = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
    return {"insertText": text, "range": place}


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 13), ("utf-16", 9), ("utf-32", 8)])
def test_positions_count_code_units(encoding: Encoding, column: int) -> None:
    """An emoji and a CJK character count 7, 3 or 2 code units; an item's range is read back the same way."""
    document = TextDocument("file:///a.py", "a\n" + LINE, encoding=encoding)
    offset = 2 + LINE.index(" + y")
    assert document.position(offset) == {"line": 1, "character": column}
    assert document.caret(offset).ghost_text(_item("!", column, column, 1)) == "!"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_kind(end: str) -> None:
    """A caret's line is without its end, whichever end the document has."""
    document = TextDocument("file:///a.py", end.join(["one", "two", "three"]))
    offset = document.text.index("wo")
    assert document.position(offset) == {"line": 1, "character": 1}
    assert document.caret(offset).text == "two"


def test_replace_reports_the_change_in_old_positions() -> None:
    """The range of a change is that of the text before it, and the version rises."""
    document = TextDocument("file:///a.py", "one\ntwo")
    change = document.replace(2, 5, "X")
    assert document.text == "onXwo"
    assert change["range"] == {"start": {"line": 0, "character": 2}, "end": {"line": 1, "character": 1}}
    assert document.version == 2


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"insertText": "x"}, "no range"),
        (_item("x", 0, 0), "hold the caret"),
        (_item("x", 4, 5, line=3), "not on line"),
        (_item("x", 4, 99), "not a place"),
        (_item("other()", 0, 4), "left of the caret"),
        (_item("name", 4, 5), "right of the caret"),
    ],
)
def test_items_that_an_editor_cannot_show(item: dict[str, object], reason: str) -> None:
    """Each breach of the rules for inline completion items is named."""
    with pytest.raises(InvalidItemError, match=reason):
        Caret(0, 4, "foo()", "utf-16").ghost_text(item)


def test_ghost_text_leaves_out_what_is_typed_and_keeps_what_it_overwrites() -> None:
    """What stands left of the caret in the range is not shown; closers right of it are part of the text."""
    caret = Caret(0, 4, "foo()", "utf-16")
    assert caret.ghost_text(_item("foo(a, b)", 0, 5)) == "a, b)"
    assert caret.after_accepting(_item("foo(a, b)", 0, 5)) == "foo(a, b)"
