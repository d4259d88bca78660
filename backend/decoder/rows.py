"""What the decoder is asked for and what it gives, in token ids. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

END_OF_TEXT = 50256
"""CodeGen's and GPT-J's ``<|endoftext|>``, which begins an empty prompt and ends a text."""

COLDEST = 1e-6
"""Temperatures below this count as 0: what is divided by them no longer fits 32 bits."""

Reason = Literal["length", "end", "stop_word", "cancelled"]


class InvalidRow(ValueError):
    """A row asks for what cannot be; the message names the field."""


class DecodeError(RuntimeError):
    """CTranslate2 failed: out of memory, most often."""


class QueueFull(DecodeError):
    """Too many requests wait already."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence to generate.

    The most likely token is taken where ``temperature`` is below ``COLDEST``, ``top_k`` 1, or ``top_k`` and ``top_p``
    both 0; else it is drawn from the tokens that are left after, in this order, penalties and bias, temperature,
    ``top_k``, ``top_p``.
    """

    prompt: Sequence[int]
    """Empty: the beginning of a text, which is ``start_id``."""
    max_tokens: int = 16
    """0: read the prompt into the cache of prompt beginnings, if there is one, and generate nothing."""
    temperature: float = 1.0
    top_k: int = 0
    """0: all tokens."""
    top_p: float = 0.0
    repetition_penalty: float = 1.0
    """Divides positive logits and multiplies negative ones of tokens that are in the prompt or were generated
    (Keskar et al. 2019, arXiv:1909.05858)."""
    presence_penalty: float = 0.0
    """Subtracted from the logits of tokens that were generated."""
    frequency_penalty: float = 0.0
    """Subtracted as many times as the token was generated."""
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None
    """Makes drawing repeatable, in the same model on the same kind of device."""
    stop_words: Sequence[Sequence[int]] = ()
    """The row ends with the last token of one of them; the beginning of a word may lie in the prompt."""
    bad_words: Sequence[Sequence[int]] = ()
    """Never completed; the beginning of a word may lie in the prompt."""
    start_id: int = END_OF_TEXT
    end_id: int = END_OF_TEXT
    """Ends the row; one that is outside of the vocabulary never comes."""
    logprobs: int | None = None
    """None: none; 0: the chosen token's; k: the k most likely ones' too."""

    @property
    def greedy(self) -> bool:
        """Whether the most likely token is taken."""
        return self.temperature < COLDEST or self.top_k == 1 or (self.top_k == 0 and self.top_p == 0)

    @property
    def context(self) -> Sequence[int]:
        """The prompt as the model reads it: one token at least."""
        return self.prompt if len(self.prompt) else (self.start_id,)


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token; the one that ends the text and those of a stop word are generated as well."""

    token: int
    logprob: float | None = None
    """Natural logarithm of the model's own probability, before penalties, bias and temperature. None where
    it was not asked for."""
    top: Sequence[tuple[int, float]] = ()
    """The most likely tokens with theirs, most likely first."""
    last: bool = False
    """Whether nothing follows."""
    cached_tokens: int = 0
    """As in the row's outcome, for those who tell it with the first token."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a row ended."""

    reason: Reason
    completion_tokens: int
    cached_tokens: int = 0
    """How many of the prompt's tokens came out of the cache of prompt beginnings."""


def check_row(row: Row, vocab_size: int) -> None:
    """Raise InvalidRow if the row can't be decoded with a vocabulary of this size."""
    for name, least, limit in _RANGES:
        value = getattr(row, name)
        if not (math.isfinite(value) and least <= value <= limit):
            raise InvalidRow(f"{name} must lie between {least:g} and {limit:g}, not be {value!r}")
    if row.repetition_penalty <= 0:
        raise InvalidRow(f"repetition_penalty must be above 0, not {row.repetition_penalty!r}")
    if row.logprobs is not None and not 0 <= row.logprobs <= vocab_size:
        raise InvalidRow(f"logprobs must lie between 0 and {vocab_size}, not be {row.logprobs!r}")
    if not all(math.isfinite(bias) for bias in row.logit_bias.values()):
        raise InvalidRow("logit_bias must be finite")
    words = {"stop_words": row.stop_words, "bad_words": row.bad_words}
    for name, ids in {
        "prompt": row.prompt,
        "logit_bias": list(row.logit_bias),
        "start_id": () if len(row.prompt) else (row.start_id,),
        **{name: [token for word in value for token in word] for name, value in words.items()},
    }.items():
        if len(ids) and not (min(ids) >= 0 and max(ids) < vocab_size):
            raise InvalidRow(f"{name} holds a token id outside of 0 to {vocab_size - 1}")
    for name, value in words.items():
        if not all(len(word) for word in value):
            raise InvalidRow(f"{name} holds an empty word")


_INFINITE = 3.4e38  # of the format's 32-bit floats
_RANGES = (
    ("max_tokens", 0, 2**31 - 1),
    ("temperature", 0, _INFINITE),
    ("top_k", 0, 2**31 - 1),
    ("top_p", 0, 1),
    ("repetition_penalty", 0, _INFINITE),
    ("presence_penalty", -_INFINITE, _INFINITE),
    ("frequency_penalty", -_INFINITE, _INFINITE),
)
