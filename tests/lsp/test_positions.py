"""Columns in the client's code units and back."""

import pytest

from pilotfish.lsp.positions import Encoding, content_length, to_column, to_units

MIXED = "a\tß€😀z\r\n"
LONG = "é😀x" * 5000


@pytest.mark.parametrize(
    ("line", "length"), [("", 0), ("a", 1), ("a\n", 1), ("a\r\n", 1), ("a\r", 1), ("\n", 0), ("a\u2028", 2)]
)
def test_content_length(line: str, length: int) -> None:
    """Only LSP's line ends are no content."""
    assert content_length(line) == length


@pytest.mark.parametrize(
    ("encoding", "widths"),
    [("utf-8", [1, 1, 2, 3, 4, 1]), ("utf-16", [1, 1, 1, 1, 2, 1]), ("utf-32", [1] * 6)],
)
def test_each_character(encoding: Encoding, widths: list[int]) -> None:
    """Every character boundary of a line with tab, umlaut, euro sign and emoji converts both ways."""
    units = 0
    for column, width in enumerate([*widths, 0]):
        assert to_units(MIXED, column, encoding) == units
        assert to_column(MIXED, units, encoding) == column
        for inside in range(1, width):
            assert to_column(MIXED, units + inside, encoding) == column, "within a character: its start"
        units += width


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("line", ["plain\r\n", MIXED, LONG, ""])
def test_out_of_range(line: str, encoding: Encoding) -> None:
    """A column past the line's end is its end, before the line end; a negative one is its start."""
    assert to_column(line, 10**9, encoding) == content_length(line)
    assert to_column(line, -1, encoding) == 0
    assert to_units(line, 10**9, encoding) == to_units(line, content_length(line), encoding)
    assert to_units(line, -5, encoding) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_long_lines(encoding: Encoding) -> None:
    """A line that is measured in pieces gives what measuring it at once gives."""
    for column in (0, 1, 1023, 1024, 1025, 2048, 14_999, 15_000):
        codec = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
        units = len(LONG[:column].encode(codec)) // {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
        assert to_units(LONG, column, encoding) == units
        assert to_column(LONG, units, encoding) == column


def test_lone_surrogate() -> None:
    """Half a surrogate pair, which clients can send, counts as one UTF-16 unit and breaks nothing."""
    assert to_column("\ud83dab", 2, "utf-16") == 2
    assert to_column("\ud83dab", 3, "utf-8") == 1
