"""``TextBuffer`` against the naive model: one string, spliced."""

import re
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotfish.lsp.documents import Cursor, Edit, Encoding, TextBuffer, split_lines

TEXTS = st.text(alphabet="ab \t\n\ré😀\u2028\x0b", max_size=14)
COORDINATES = st.tuples(st.integers(-1, 7), st.integers(-1, 12))
CHANGES = st.lists(st.tuples(st.none() | st.tuples(COORDINATES, COORDINATES), TEXTS), max_size=6)
ENCODINGS: list[Encoding] = ["utf-8", "utf-16", "utf-32"]
SIZES = {
    "utf-8": lambda c: len(c.encode()),
    "utf-16": lambda c: len(c.encode("utf-16-le")) // 2,
    "utf-32": len,
}


@dataclass
class Position:
    """As lsprotocol's."""

    line: int
    character: int


@dataclass
class Range:
    """As lsprotocol's."""

    start: Position
    end: Position


def naive_lines(text: str) -> list[str]:
    """Split as the specification words it."""
    lines = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z", text)
    return lines if lines and lines[-1][-1] not in "\r\n" else [*lines, ""]


def naive_offset(text: str, place: tuple[int, int], encoding: Encoding) -> int:
    """Offset in ``text`` of a client's place, character by character."""
    lines = naive_lines(text)
    if place[0] < 0:
        return 0
    if place[0] >= len(lines):
        return len(text)
    offset, units = sum(map(len, lines[: place[0]])), 0
    for character in lines[place[0]].rstrip("\r\n"):
        units += SIZES[encoding](character)
        if units > place[1]:
            break
        offset += 1
    return offset


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=150, deadline=None)
@given(text=TEXTS, changes=CHANGES)
def test_any_edits(
    text: str, changes: list[tuple[tuple[tuple[int, int], tuple[int, int]] | None, str]], encoding: Encoding
) -> None:
    """Any sequence of edits, full replacements included, gives what splicing one string gives, in each encoding."""
    buffer = TextBuffer(text, encoding)
    for places, inserted in changes:
        before = naive_lines(text)
        if places is None:
            edit = buffer.rewrite(inserted)
            text = inserted
        else:
            start, end = sorted(naive_offset(text, place, encoding) for place in places)
            edit = buffer.apply(Range(Position(*places[0]), Position(*places[1])), inserted)
            text = text[:start] + inserted + text[end:]
            assert edit.removed == end - start
        assert buffer.text == text
        assert list(buffer.lines) == naive_lines(text)
        assert buffer.characters == len(text)
        kept = before[: edit.first_line], before[edit.last_line + 1 :]
        changed = list(buffer.lines)[edit.first_line : edit.first_line + edit.new_lines]
        assert [*kept[0], *changed, *kept[1]] == list(buffer.lines), (
            "lines outside of the edit are what they were"
        )


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=100, deadline=None)
@given(text=TEXTS, place=COORDINATES)
def test_positions_round_trip(text: str, place: tuple[int, int], encoding: Encoding) -> None:
    """A client's place becomes a cursor inside of the text, and that cursor becomes a place that means the same."""
    buffer = TextBuffer(text, encoding)
    cursor = buffer.cursor(*place)
    assert 0 <= cursor.line < len(buffer.lines)
    assert buffer.cursor(*buffer.position(cursor)) == cursor


Place = tuple[int, int]


def edit(
    places: tuple[Place, Place], text: str, new_end: Place, *, removed: int, lines: tuple[int, int, int]
) -> Edit:
    """Build an expected edit."""
    start, end = places
    return Edit(Cursor(*start), Cursor(*end), text, Cursor(*new_end), removed, *lines)


def check(text: str, places: tuple[Place, Place], inserted: str, result: str, expected: Edit) -> None:
    """Apply one change to a text and compare text and edit."""
    buffer = TextBuffer(text)
    made = buffer.apply(Range(Position(*places[0]), Position(*places[1])), inserted)
    assert (buffer.text, made) == (result, expected)


def test_a_key() -> None:
    """One typed character replaces its line by one line."""
    check(
        "ab\ncd\n",
        ((1, 1), (1, 1)),
        "x",
        "ab\ncxd\n",
        edit(((1, 1), (1, 1)), "x", (1, 2), removed=0, lines=(1, 1, 1)),
    )


def test_enter() -> None:
    """A typed line end with indentation makes two lines of one."""
    check(
        "  ab\n",
        ((0, 4), (0, 4)),
        "\n  ",
        "  ab\n  \n",
        edit(((0, 4), (0, 4)), "\n  ", (1, 2), removed=0, lines=(0, 0, 2)),
    )


def test_backspace_at_line_start() -> None:
    """Removing a line end makes one line of two."""
    check(
        "a\r\nb", ((0, 1), (1, 0)), "", "ab", edit(((0, 1), (1, 0)), "", (0, 1), removed=2, lines=(0, 1, 1))
    )


def test_whole_line_inserted() -> None:
    """A whole line put before another replaces no line."""
    check(
        "a\nb\n",
        ((1, 0), (1, 0)),
        "x\n",
        "a\nx\nb\n",
        edit(((1, 0), (1, 0)), "x\n", (2, 0), removed=0, lines=(1, 0, 1)),
    )


def test_whole_lines_removed() -> None:
    """Taking whole lines out leaves no line in their place."""
    check(
        "a\nb\nc\nd",
        ((1, 0), (3, 0)),
        "",
        "a\nd",
        edit(((1, 0), (3, 0)), "", (1, 0), removed=4, lines=(1, 2, 0)),
    )


def test_reversed_and_outside_range() -> None:
    """A range that runs backwards, or past the end, is put right."""
    check(
        "ab\ncd", ((9, 9), (0, 1)), "x", "ax", edit(((0, 1), (1, 2)), "x", (0, 2), removed=4, lines=(0, 1, 1))
    )


def test_emoji_columns() -> None:
    """UTF-16 columns right of an emoji, and one that splits it, meet the right characters."""
    check(
        '"😀x"\n',
        ((0, 3), (0, 4)),
        "y",
        '"😀y"\n',
        edit(((0, 2), (0, 3)), "y", (0, 3), removed=1, lines=(0, 0, 1)),
    )
    check(
        "😀\n",
        ((0, 1), (0, 1)),
        "y",
        "y😀\n",
        edit(((0, 0), (0, 0)), "y", (0, 1), removed=0, lines=(0, 0, 1)),
    )


def test_rewrite_finds_the_key() -> None:
    """A client that sends the whole document with each key still yields an edit of one character."""
    buffer = TextBuffer("a\nfoo\nb\n")
    assert buffer.rewrite("a\nfoxo\nb\n") == edit(((1, 2), (1, 2)), "x", (1, 3), removed=0, lines=(1, 1, 1))
    assert buffer.rewrite("a\nfoxo\n\nb\n").new_lines == 2
    unchanged = buffer.rewrite(buffer.text)
    assert (unchanged.text, unchanged.removed, unchanged.new_lines) == ("", 0, 0)


@pytest.mark.parametrize(
    ("text", "line_end"), [("", "\n"), ("a", "\n"), ("a\r\nb\n", "\r\n"), ("a\nb\r\n", "\n"), ("a\rb", "\r")]
)
def test_line_end(text: str, line_end: str) -> None:
    """The first line's end is the document's."""
    assert TextBuffer(text).line_end == line_end


def test_lines_are_those_of_lsp() -> None:
    """Characters that only Python takes for line ends stay within their line."""
    assert split_lines("a\u2028b\x0cc\x85d\ne\rf\r\n") == ["a\u2028b\x0cc\x85d\n", "e\r", "f\r\n", ""]


@pytest.mark.parametrize("body", ["x" * 1_000_000, "é😀" * 250_000], ids=["ascii", "emoji"])
def test_long_line_stays_fluid(body: str) -> None:
    """Typing in the middle of a line of half a million characters or more costs a few milliseconds a key."""
    buffer = TextBuffer("a\n" + body + "\nb\n")
    started = time.perf_counter()
    for key in range(20):
        cursor = buffer.cursor(1, 400_000 + key)
        buffer.replace(cursor, cursor, "y")
    assert (time.perf_counter() - started) / 20 < 0.02


def test_large_document_stays_fluid() -> None:
    """A key costs the same in a document of 10 MB as in a small one, but for moving a list of lines."""
    buffer = TextBuffer("def foo(bar):\n    return bar\n\n" * 330_000)
    started = time.perf_counter()
    for key in range(50):
        buffer.replace(Cursor(10, 0), Cursor(10, 0), "x\n" if key % 5 == 0 else "x")
    assert (time.perf_counter() - started) / 50 < 0.005
