"""What Triton gives: tensors as tokens, tokens as pieces; and the words at which it may stop."""

import struct
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from tritonclient.grpc import service_pb2

from pilotfish.backend.proxy.engines.base import EngineError
from pilotfish.backend.proxy.engines.detokenizer import Detokenizer
from pilotfish.backend.proxy.engines.triton_answer import Answer, Token
from pilotfish.backend.proxy.engines.triton_row import Row
from pilotfish.backend.proxy.engines.triton_stops import StopWords

END = 9


def response(**outputs: tuple[str, Sequence[int], Sequence[float]]) -> Any:
    """A ModelInferResponse; an output is (datatype, shape, numbers)."""
    made = service_pb2.ModelInferResponse()
    codes = {"UINT32": "I", "INT32": "i", "FP32": "f", "INT64": "q"}
    for name, (datatype, shape, numbers) in outputs.items():
        made.outputs.add(name=name, datatype=datatype, shape=shape)
        made.raw_output_contents.append(struct.pack(f"<{len(numbers)}{codes[datatype]}", *numbers))
    return made


def sequence(*ids: int, length: int | None = None) -> dict[str, tuple[str, Sequence[int], Sequence[float]]]:
    return {
        "output_ids": ("UINT32", [1, 1, len(ids)], ids),
        "sequence_length": ("UINT32", [1, 1], [len(ids) if length is None else length]),
    }


def test_only_what_is_new_is_read() -> None:
    """Each response repeats the sequence; padding behind its length is no token."""
    answer = Answer([5, 6], rows=100, logprobs=None)
    assert answer.take(response(**sequence(5, 6, 7))) == [Token(7)]
    assert answer.take(response(**sequence(5, 6, 7, 8, 10, 0, 0, length=5))) == [Token(8), Token(10)]
    assert answer.take(response(**sequence(5, 6, 7, 8, 10))) == []


def test_log_probabilities_go_with_their_tokens() -> None:
    """The chosen tokens', and the alternatives in their order; a rounding above 0 is 0."""
    scores: dict[str, Any] = {
        "output_log_probs": ("FP32", [1, 1, 2], [-0.5, 1e-7]),
        "top_log_probs_ids": ("UINT32", [1, 1, 2, 2], [7, 1, 8, 2]),
        "top_log_probs": ("FP32", [1, 1, 2, 2], [-0.5, -2.0, 0.0, -4.0]),
    }
    assert Answer([5], rows=None, logprobs=2).take(response(**sequence(5, 7, 8), **scores)) == [
        Token(7, -0.5, [(7, -0.5), (1, -2.0)]),
        Token(8, 0.0, [(8, 0.0), (2, -4.0)]),
    ]
    plain = Answer([5], rows=None, logprobs=0).take(response(**sequence(5, 7, 8), **scores))
    assert [token.top for token in plain] == [(), ()]


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({}, "no output_ids"),
        ({"output_ids": sequence(5, 6)["output_ids"]}, "no sequence_length"),
        (sequence(5, 6, length=3), "sequence_length of 3"),
        (sequence(5, 6, length=0), "sequence_length of 0"),
        (sequence(4, 6), "begin with the prompt"),
        (sequence(5, 100), "do not exist"),
        (sequence(5, 6) | {"output_ids": ("FP32", [1, 1, 2], [5.0, 6.0])}, "output_ids as FP32"),
        (sequence(5, 6) | {"output_ids": ("UINT32", [2], [5, 6])}, "of the shape"),
        (sequence(5, 6) | {"output_ids": ("UINT32", [2, 1, 1], [5, 6])}, "of the shape"),
        (sequence(5, 6) | {"output_ids": ("UINT32", [1, 1, 3], [5, 6])}, "in 8 bytes"),
        (sequence(5, 6) | {"sequence_length": ("UINT32", [1, 0], [])}, "of the shape"),
    ],
)
def test_tensors_that_make_no_sense(outputs: dict[str, Any], says: str) -> None:
    """They are an error, never a text."""
    with pytest.raises(EngineError, match=says):
        Answer([5], rows=100, logprobs=None).take(response(**outputs))


@pytest.mark.parametrize(
    "scores",
    [
        {},
        {"output_log_probs": ("FP32", [1, 1, 1], [float("nan")])},
        {"output_log_probs": ("FP32", [1, 1, 1], [float("-inf")])},
        {"output_log_probs": ("FP32", [1, 1, 0], [])},
    ],
)
def test_log_probabilities_that_are_none(scores: dict[str, Any]) -> None:
    """True numbers or an error."""
    with pytest.raises(EngineError):
        Answer([5], rows=100, logprobs=0).take(response(**sequence(5, 6), **scores))


# --- rows


class Letters:
    """A vocabulary of single letters, but for 20 and 21, which are the halves of "ä"."""

    size = 26

    def token_bytes(self, token: int) -> bytes:
        return {20: b"\xc3", 21: b"\xa4"}.get(token, bytes([97 + token]))


def row(limit: int = 5) -> Row:
    return Row(Letters(), end_id=END, prompt_tokens=3, max_tokens=limit)


def test_a_row_ends_with_its_end_token() -> None:
    """That token is neither text nor counted, and what follows it is not looked at."""
    made = row()
    first, second = made.feed([Token(0)]), made.feed([Token(1), Token(END), Token(2)])
    assert first is not None
    assert second is not None
    assert (first.text, first.prompt_tokens, second.text, second.prompt_tokens) == ("a", 3, "b", None)
    assert made.feed([Token(3)]) is None
    assert (made.finish().reason, made.finish().completion_tokens) == ("stop", 2)


def test_a_row_that_is_full_ended_by_its_length() -> None:
    """One that is not was ended by a word."""
    full, short = row(2), row(3)
    full.feed([Token(0), Token(1)])
    short.feed([Token(0), Token(1)])
    assert (full.finish().reason, short.finish().reason) == ("length", "stop")


def test_a_row_shows_whole_characters() -> None:
    """The halves of one come together; alone they have a log-probability all the same."""
    made = row()
    pieces = [made.feed([Token(20, -1.0)]), made.feed([Token(21, -2.0)])]
    assert [piece.text for piece in pieces if piece] == ["", "ä"]
    assert [logprob.token for piece in pieces if piece for logprob in piece.logprobs] == [
        "bytes:\\xc3",
        "bytes:\\xa4",
    ]


def test_a_row_without_a_token_or_with_too_many_is_an_error() -> None:
    """Nothing at all was never what was asked for, unless nothing was."""
    with pytest.raises(EngineError, match="no token"):
        row().finish()
    assert row(0).finish().reason == "length"
    with pytest.raises(EngineError, match="were asked for"):
        row(1).feed([Token(0), Token(1)])


# --- stop words


def vocabulary(*tokens: str) -> Any:
    spelled = [token.encode() for token in tokens]
    return SimpleNamespace(size=len(spelled), token_bytes=lambda token: spelled[token])


def test_stop_words_are_tokens_and_spellings() -> None:
    """Every token that contains the sequence, and every way to write it, long tokens first."""
    words = StopWords(vocabulary("!", "\n", "\n\n", "x\n\ny", "x", ""))
    assert words.words(["\n\n"], []) == [(2,), (3,), (1, 1)]
    assert words.words(["\n"], []) == [(1,), (2,), (3,)]
    assert words.words(["!", "zz"], []) == [], "the token 0 can't be matched, and z is no token"


def test_stop_words_never_look_back_into_the_prompt() -> None:
    """A line's end at the prompt's end and one generated are no empty line of the generated text."""
    words = StopWords(vocabulary("!", "\n", "\n\n", "a", "b"))
    assert words.words(["\n\n"], [3, 1]) == [(2,)]
    assert words.words(["aba"], [4, 3]) == []
    assert words.words(["aba"], [3, 4]) == []
    assert words.words(["aba"], [4, 4]) == [(3, 4, 3)]


def test_stop_words_stay_few() -> None:
    """A space is in half of all tokens; a list of thousands would cost more than it saves."""
    words = StopWords(vocabulary("!", *(f" {number}" for number in range(5000)), *"abcdefgh"))
    assert len(words.words([" "], [])) == 64
    assert len(words.words(["abcdefgh" * 3], [])) == 0


def test_a_matched_word_contains_the_stop_sequence() -> None:
    """Whatever word the server stops at, the proxy finds the sequence in its text."""
    tokens = vocabulary("!", "\n", "\n\n", "  \n", "de", "def", "f", " ", "\ndef", "ä"[0])
    for stop in ("\n", "\ndef", "\n\n", " \n", "ä"):
        for word in StopWords(tokens).words([stop], []):
            assert stop in Detokenizer(tokens).feed(word)
