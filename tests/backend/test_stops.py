"""Stop sequences on text: where the text ends, and that nothing of a stop sequence is ever shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotfish.backend.proxy.stops import StopMatcher


def run(pieces: list[str], stops: list[str]) -> tuple[list[str], bool]:
    """What is shown after each piece, and whether a stop sequence ended it."""
    matcher, shown = StopMatcher(stops), []
    for piece in pieces:
        text, stopped = matcher.feed(piece)
        shown.append(text)
        if stopped:
            return shown, True
    return [*shown, matcher.rest()], False


def check(pieces: list[str], stops: list[str], shown: list[str], *, stopped: bool) -> None:
    assert run(pieces, stops) == (shown, stopped)


def test_text_before_the_stop_is_shown() -> None:
    """The stop sequence and what follows it are not."""
    check(["return x\n\ndef"], ["\n\n"], ["return x"], stopped=True)


def test_stop_inside_a_token() -> None:
    """A stop sequence may begin and end inside a piece."""
    check(["Hello World!"], ["Wor"], ["Hello "], stopped=True)


def test_stop_across_pieces_is_held_back() -> None:
    """What may be the beginning of a stop sequence waits until it is certain."""
    check(["a\n", "\nb"], ["\n\n"], ["a", ""], stopped=True)
    check(["a\n", "b"], ["\n\n"], ["a", "\nb", ""], stopped=False)
    check(["a", "b"], ["ab", "\n"], ["", ""], stopped=True)
    check(["xa", "a", "b"], ["\n", "aab", "ab"], ["x", "", ""], stopped=True)


def test_held_text_comes_at_the_end() -> None:
    """A text that ends with the beginning of a stop sequence keeps it."""
    check(["x ENDI"], ["ENDING"], ["x ", "ENDI"], stopped=False)


def test_stop_at_the_very_beginning() -> None:
    """Then nothing is shown."""
    check(["\n", "x"], ["\n"], [""], stopped=True)


def test_first_complete_stop_wins() -> None:
    """Of several, the one that is complete first ends the text; at the same character, the longest."""
    check(["abcd"], ["abcd", "bc"], ["a"], stopped=True)
    check(["xabc"], ["bc", "abc"], ["x"], stopped=True)


def test_empty_stops_stop_nothing() -> None:
    """FauxPilot blanked the whole text for [""]."""
    check(["text"], [""], ["text", ""], stopped=False)


def test_overlapping_beginnings() -> None:
    """A false start inside a false start is still found."""
    check(["aab"], ["ab"], ["a"], stopped=True)
    check(["a", "a", "a", "b"], ["aab"], ["", "", "a", ""], stopped=True)


def test_stop_of_several_characters_beyond_ascii() -> None:
    """Emoji and CJK are characters like all others."""
    check(["漢", "字", "🐟"], ["字🐟"], ["漢", "", ""], stopped=True)


def reference(text: str, stops: list[str]) -> tuple[str, bool]:
    """The same, one character at a time and by the definition."""
    for end in range(1, len(text) + 1):
        starts = [end - len(stop) for stop in stops if stop and text[:end].endswith(stop)]
        if starts:
            return text[: min(starts)], True
    return text, False


LETTERS = st.text(alphabet="ab\n", max_size=24)


@settings(max_examples=400, deadline=None)
@given(LETTERS, st.lists(st.text(alphabet="ab\n", max_size=5), max_size=4), st.data())
def test_cutting_does_not_matter(text: str, stops: list[str], data: st.DataObject) -> None:
    """However a text comes in pieces, what is shown of it is the same, and never more than that."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    shown, stopped = run(pieces, stops)
    assert ("".join(shown), stopped) == reference(text, stops)


@pytest.mark.parametrize("stop", ["\n\n", "def ", "```"])
def test_nothing_is_held_that_need_not_be(stop: str) -> None:
    """Text that can't begin a stop sequence is shown at once."""
    check(["x = 1;"], [stop], ["x = 1;", ""], stopped=False)
