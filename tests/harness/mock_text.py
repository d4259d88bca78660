"""What the mock backend answers: pure functions from a prompt to a text, and from a text to tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LOOK_BACK = 2000
"""Characters at a prompt's end that are looked up in the reference document."""


def locate(reference: str, prompt: str) -> int | None:
    """Offset in `reference` up to which it agrees with the longest possible tail of `prompt`.

    None when not even the last character occurs. Where the tail occurs more than once the first place wins.
    """
    tail = prompt[-LOOK_BACK:]
    low, high = 0, len(tail)  # a tail of `low` characters occurs; one of `high` + 1 does not
    while low < high:
        middle = (low + high + 1) // 2
        if tail[-middle:] in reference:
            low = middle
        else:
            high = middle - 1
    return reference.find(tail[-low:]) + low if low else None


def continuation(reference: str, prompt: str, *, diverge_at: int | None = None, divergence: str = "") -> str:
    """How `reference` goes on after `prompt`.

    With `diverge_at` (an offset in the reference) a prompt that ends before it gets the reference up to there
    and then `divergence`; a prompt that has reached it gets the true text.
    """
    at = locate(reference, prompt)
    if at is None:
        return ""
    if diverge_at is None or at >= diverge_at:
        return reference[at:]
    return reference[at:diverge_at] + divergence


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice's text as tokens, and why it ends (OpenAI's `finish_reason`)."""

    tokens: tuple[str, ...]
    finish_reason: str


def answer(text: str, *, token_chars: int, max_tokens: int, stop: Sequence[str]) -> Answer:
    """`text` cut before the first stop string and after `max_tokens` tokens of `token_chars` characters."""
    # Looking for stop strings in the whole of a long reference would cost more than the "model" itself.
    window = text[: token_chars * max_tokens + max(map(len, stop), default=0)]
    ends = [at for string in stop if string and (at := window.find(string)) >= 0]
    stopped = text[: min(ends)] if ends else text
    if len(stopped) > token_chars * max_tokens:
        return Answer(tuple(_split(stopped[: token_chars * max_tokens], token_chars)), "length")
    return Answer(tuple(_split(stopped, token_chars)), "stop")


def count_tokens(text: str, token_chars: int) -> int:
    """Tokens of `text` when each holds `token_chars` characters."""
    return -(-len(text) // token_chars)


def shared_prefix(one: str, other: str) -> int:
    """Characters that two prompts have in common at their start: what a prefix cache would serve."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _split(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]
