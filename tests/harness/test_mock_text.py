"""The mock's texts: continuation of a reference, divergence, tokens and stops."""

import pytest

from harness.mock_text import answer, continuation, locate, shared_prefix

REFERENCE = "def area(w, h):\n    return w * h\n\n\ndef volume(w, h, d):\n    return area(w, h) * d\n"


@pytest.mark.parametrize(
    ("prompt", "rest"),
    [
        ("# Path: a.py\ndef area(w", ", h):\n"),
        ("# Path: a.py\ndef volume(w", ", h, d):\n"),  # the longer tail decides between the two places
        ("    return w *", " h\n"),  # a stripped trailing space comes back as the text's start
        ("", ""),
        ("\u2603", ""),
    ],
)
def test_continues_after_the_longest_matching_tail(prompt: str, rest: str) -> None:
    """The answer goes on where the longest tail of the prompt ends in the reference, or is empty."""
    text = continuation(REFERENCE, prompt)
    assert text.startswith(rest)
    assert bool(text) == bool(rest)


def test_diverges_only_for_prompts_before_the_point() -> None:
    """Before `diverge_at` the answer turns away there; a prompt that has passed it gets the true text."""
    at = REFERENCE.index("w * h") + 2
    assert continuation(REFERENCE, "    return w", diverge_at=at, divergence="+ 1") == " + 1"
    assert continuation(REFERENCE, "    return w *", diverge_at=at, divergence="+ 1").startswith(" h\n")


def test_locate_sees_no_more_than_the_prompt_s_end() -> None:
    """Text before the matching tail does not matter, and nothing in common is None."""
    assert locate(REFERENCE, "entirely different\n\n\ndef area(") == REFERENCE.index("w, h")
    assert locate(REFERENCE, "\u2603") is None


def test_stop_strings_and_max_tokens_cut_the_text() -> None:
    """The text ends before a stop string ("stop") or after max_tokens tokens ("length"); no tokens for 0."""
    stopped = answer("ab cd\nef", token_chars=2, max_tokens=9, stop=["\n"])
    assert (stopped.tokens, stopped.finish_reason) == (("ab", " c", "d"), "stop")
    cut = answer("abcdef", token_chars=2, max_tokens=2, stop=[])
    assert (cut.tokens, cut.finish_reason) == (("ab", "cd"), "length")
    assert answer("abc", token_chars=2, max_tokens=0, stop=[]).tokens == ()


def test_a_stop_string_beyond_the_limit_does_not_count() -> None:
    """What is never generated cannot stop the text."""
    assert answer("abcdef\n", token_chars=2, max_tokens=2, stop=["\n"]).finish_reason == "length"


def test_shared_prefix_counts_characters() -> None:
    """What two prompts share at the start is what a prefix cache serves."""
    assert shared_prefix("abcdef", "abcxef") == 3
    assert shared_prefix("", "a") == 0
