"""Log-probabilities in the shape of OpenAI's legacy completions."""

from pilotfish.backend.proxy.engines.base import Piece, TokenLogprob
from pilotfish.backend.proxy.logprobs import LogprobTrack, merge


def token(text: str, value: float = -0.5, *top: tuple[str, float]) -> TokenLogprob:
    return TokenLogprob(text, value, top)


def test_offsets_are_characters_of_the_text() -> None:
    """Each token has the offset at which its text begins."""
    track = LogprobTrack()
    track.add(Piece("漢", logprobs=[token("漢")]))
    track.add(Piece("ab", 2, logprobs=[token("a"), token("b")]))
    taken = track.take()
    assert taken["tokens"] == ["漢", "a", "b"]
    assert taken["text_offset"] == [0, 1, 2]
    assert taken["token_logprobs"] == [-0.5] * 3


def test_parts_of_a_character_share_its_offset() -> None:
    """Tokens that are bytes of one character stand where the character stands."""
    track = LogprobTrack()
    track.add(Piece("x", logprobs=[token("x")]))
    track.add(Piece("", logprobs=[token("bytes:\\xe6")]))
    track.add(Piece("漢", 2, logprobs=[token("bytes:\\xbc"), token("bytes:\\xa2")]))
    assert track.take()["text_offset"] == [0, 1, 1, 1]


def test_only_tokens_of_shown_text_are_given_out() -> None:
    """A token that begins behind the end of the text belongs to the stop sequence; FauxPilot gave 20 for 9."""
    track = LogprobTrack()
    for text in ("a", "b", "\n", "\n"):
        track.add(Piece(text, logprobs=[token(text)]))
    assert track.take(2)["tokens"] == ["a", "b"]
    assert track.take(2)["tokens"] == []


def test_echoed_prompt_moves_the_offsets() -> None:
    """With the prompt in front of it, the text begins behind the prompt."""
    track = LogprobTrack(5)
    track.add(Piece("ab", logprobs=[token("ab")]))
    assert track.take()["text_offset"] == [5]


def test_the_chosen_token_is_among_the_alternatives() -> None:
    """As OpenAI does it: k of the likeliest, and the chosen one if it is none of them; none for logprobs 0."""
    track = LogprobTrack()
    track.add(Piece("c", logprobs=[token("c", -3.0, ("a", -0.1), ("b", -2.0))]))
    track.add(Piece("d", logprobs=[token("d")]))
    assert track.take()["top_logprobs"] == [{"a": -0.1, "b": -2.0, "c": -3.0}, {}]


def test_merging_chunks() -> None:
    """The chunks of a stream together say what a whole answer says."""
    track, whole = LogprobTrack(), LogprobTrack()
    pieces = [Piece(text, logprobs=[token(text)]) for text in "abc"]
    parts = []
    for piece in pieces:
        whole.add(piece)
        track.add(piece)
        parts.append(track.take())
    assert merge(parts) == whole.take()
