"""Requests and answers as the tensors of FasterTransformer's GPT-J backend. Pure.

Names and shapes: ``all_models/gptj`` of triton-inference-server/fastertransformer_backend. ``rows`` is the request's
batch; scalars come as [rows] or [rows, 1]. What is not FasterTransformer's: the two penalties that are subtracted (the
presence penalty is in its last version), ``logit_bias_ids`` and ``logit_bias_values`` [rows, tokens], and
``top_log_probs_count``, answered by ``top_log_probs_ids`` and ``top_log_probs`` [rows, 1, completion, count].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rows import END_OF_TEXT, InvalidRow, Row, Step, check_row
from .words import InvalidWords, unpack_words

Tensors = Mapping[str, NDArray[Any]]


POSITIONS = 2048
"""Of every CodeGen."""
MOST_ALTERNATIVES = 100
"""Of a token. A streamed answer repeats those of all tokens with each."""


class InvalidRequest(ValueError):
    """The tensors are not a request that can be served; the message names the tensor."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the model's configuration says."""

    vocab_size: int
    positions: int = POSITIONS
    """Tokens that a prompt and its completion may have together."""
    start_id: int = END_OF_TEXT
    end_id: int = END_OF_TEXT


def read_rows(tensors: Tensors, limits: Limits) -> list[Row]:
    """The rows of a request. Raises InvalidRequest."""
    for name in ("input_ids", "input_lengths", "request_output_len"):
        if name not in tensors:
            raise InvalidRequest(f"{name} is missing")
    ids = tensors["input_ids"]
    if ids.ndim != 2 or not len(ids):
        raise InvalidRequest(f"input_ids must have the shape [rows, tokens], not {list(ids.shape)}")
    count = len(ids)
    if any(width != 1 for width in _numbers(tensors, "beam_width", count, 1)):
        raise InvalidRequest("beam_width must be 1: there is no beam search")
    fields = {name: _numbers(tensors, tensor, count, default) for name, tensor, default in _FIELDS}
    fields["prompt"] = _prompts(ids, _numbers(tensors, "input_lengths", count, None))
    # FauxPilot's proxy sends OpenAI's frequency penalty here, of which 0 means none.
    fields["repetition_penalty"] = [penalty or 1.0 for penalty in fields["repetition_penalty"]]
    fields["start_id"] = _numbers(tensors, "start_id", count, limits.start_id)
    fields["end_id"] = _numbers(tensors, "end_id", count, limits.end_id)
    fields["logprobs"] = _logprobs(tensors, count)
    fields["logit_bias"] = _biases(tensors, count)
    for name in ("stop_words", "bad_words"):
        fields[name] = _words(tensors, f"{name}_list", count)
    rows = [Row(**{name: values[index] for name, values in fields.items()}) for index in range(count)]
    for row in rows:
        _check(row, limits)
    return rows


_FIELDS = (
    ("max_tokens", "request_output_len", None),
    ("temperature", "temperature", 1.0),
    ("top_k", "runtime_top_k", 0),
    ("top_p", "runtime_top_p", 0.0),
    ("repetition_penalty", "repetition_penalty", 1.0),
    ("presence_penalty", "presence_penalty", 0.0),
    ("frequency_penalty", "frequency_penalty", 0.0),
    ("seed", "random_seed", None),
)


def _numbers(tensors: Tensors, name: str, count: int, default: Any) -> list[Any]:
    """One number for each row."""
    if name not in tensors:
        return [default] * count
    found = tensors[name].reshape(-1).tolist()
    if len(found) != count:
        raise InvalidRequest(f"{name} must be one number for each of {count} rows, not {len(found)}")
    return found


def _prompts(ids: NDArray[Any], lengths: Sequence[int]) -> list[tuple[int, ...]]:
    wide = ids.shape[1]
    for length in lengths:
        if length > wide:
            raise InvalidRequest(f"input_lengths says {length}, but input_ids has {wide} tokens a row")
    return [tuple(row[:length].tolist()) for row, length in zip(ids, lengths, strict=True)]


def _logprobs(tensors: Tensors, count: int) -> list[Any]:
    wanted = _numbers(tensors, "is_return_log_probs", count, default=False)
    top = _numbers(tensors, "top_log_probs_count", count, 0)
    if top[0] > MOST_ALTERNATIVES:
        raise InvalidRequest(f"top_log_probs_count must be at most {MOST_ALTERNATIVES}, not {top[0]}")
    # As FasterTransformer does: the first row decides for all, since the answer is one tensor.
    return [top[0] if wanted[0] or top[0] else None] * count


def _biases(tensors: Tensors, count: int) -> list[Any]:
    if "logit_bias_ids" not in tensors:
        return [{}] * count
    ids, values = tensors["logit_bias_ids"], tensors.get("logit_bias_values")
    if values is None or ids.shape != values.shape or ids.ndim != 2 or len(ids) != count:
        raise InvalidRequest("logit_bias_ids and logit_bias_values must both have the shape [rows, tokens]")
    return [
        dict(zip(row.tolist(), bias.tolist(), strict=True)) for row, bias in zip(ids, values, strict=True)
    ]


def _words(tensors: Tensors, name: str, count: int) -> list[Any]:
    if name not in tensors:
        return [()] * count
    try:
        words = unpack_words(tensors[name])
    except InvalidWords as error:
        raise InvalidRequest(f"{name}: {error}") from error
    if len(words) != count:
        raise InvalidRequest(f"{name} must have a list for each of {count} rows, not {len(words)}")
    return words


def _check(row: Row, limits: Limits) -> None:
    try:
        check_row(row, limits.vocab_size)
    except InvalidRow as error:
        raise InvalidRequest(f"{error}") from error
    length = len(row.context)
    if length + row.max_tokens > limits.positions:
        raise InvalidRequest(
            f"request_output_len: a prompt of {length} tokens and {row.max_tokens} more exceed "
            f"the model's {limits.positions}"
        )


class Answer:
    """The sequences of a request as they grow."""

    def __init__(self, rows: Sequence[Row]) -> None:
        longest = max(len(row.context) + row.max_tokens for row in rows)
        self._ids = np.zeros((len(rows), 1, longest), np.uint32)
        for index, row in enumerate(rows):
            self._ids[index, 0, : len(row.prompt)] = row.prompt
        # An empty prompt's start token is not part of the answer: it was not asked for.
        self._prompt = np.array([[len(row.prompt)] for row in rows], np.uint32)
        self._lengths = self._prompt.copy()
        completion = max(row.max_tokens for row in rows)
        self._logprobs = np.zeros((len(rows), 1, completion), np.float32) if _asked(rows) else None
        wide = rows[0].logprobs or 0
        self._top_ids = np.zeros((len(rows), 1, completion, wide), np.uint32)
        self._top = np.zeros((len(rows), 1, completion, wide), np.float32)

    def take(self, index: int, step: Step) -> None:
        """Add a token to a row."""
        place = int(self._lengths[index, 0])
        number = place - int(self._prompt[index, 0])
        self._ids[index, 0, place] = step.token
        self._lengths[index, 0] += 1
        if self._logprobs is not None:
            self._logprobs[index, 0, number] = step.logprob
        for rank, (token, logprob) in enumerate(step.top):
            self._top_ids[index, 0, number, rank] = token
            self._top[index, 0, number, rank] = logprob

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The outputs as they are now, each an array of its own."""
        made: dict[str, Any] = {
            "output_ids": self._ids[:, :, : int(self._lengths.max())].copy(),
            "sequence_length": self._lengths.copy(),
        }
        if self._logprobs is not None:
            longest = int((self._lengths - self._prompt).max())
            made["output_log_probs"] = self._logprobs[:, :, :longest].copy()
            made["cum_log_probs"] = made["output_log_probs"].sum(axis=2)
            if self._top.shape[-1]:
                made["top_log_probs_ids"] = self._top_ids[:, :, :longest].copy()
                made["top_log_probs"] = self._top[:, :, :longest].copy()
        return made


def _asked(rows: Sequence[Row]) -> bool:
    return rows[0].logprobs is not None
