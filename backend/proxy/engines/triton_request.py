"""A generation as the tensors that FasterTransformer's GPT-J takes. Pure.

Tensors' names and meanings: docs/gptj_guide.md of triton-inference-server/fastertransformer_backend.
Each request has one row, so that each can be cancelled alone.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from .base import EngineError, EngineRefusal, Generation, Sampling

if TYPE_CHECKING:
    from .triton_signature import Signature

Value = bool | int | float | Sequence[int] | Sequence[float] | Sequence[Sequence[int]]

KNOWN: Mapping[str, Value] = {
    "input_ids": (),  # [1, tokens]
    "input_lengths": 0,
    "request_output_len": 0,
    "start_id": 0,
    "end_id": 0,
    "runtime_top_k": 0,
    "runtime_top_p": 1.0,
    "temperature": 1.0,
    "random_seed": 0,
    "is_return_log_probs": False,
    "beam_width": 1,
    "len_penalty": 1.0,
    "beam_search_diversity_rate": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "bad_words_list": ((0,), (-1,)),  # [1, 2, length]
    "stop_words_list": ((0,), (-1,)),  # [1, 2, length]
    "prompt_learning_task_name_ids": 0,
    "top_p_decay": 1.0,
    "top_p_min": 1e-6,
    "top_p_reset_ids": 0,
    "min_length": 0,
    "top_log_probs_count": 0,
}
"""Inputs that we can send to a server that requires them, with the values that change nothing."""

NEAR_ONE = 1.0 + 2**-20
"""For a temperature of 1. At exactly 1.0 FasterTransformer 5.0 and 5.1 skip the step that masks the padding of the
vocabulary: a row that is no token may be drawn then."""
_MOST_TOP_K = 1024  # FasterTransformer takes what is above it as this
_BAN = -100.0  # what OpenAI documents as a ban
_SEEDS = 2**31
_CODES = {"BOOL": "?", "UINT32": "I", "UINT64": "Q", "INT32": "i", "INT64": "q", "FP32": "f"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input of a request."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    raw: bytes
    """Row-major, little-endian."""


def check(generation: Generation, signature: "Signature", context: int) -> None:
    """Raise ``EngineRefusal`` that names the first field which this server can't serve."""
    sampling = generation.sampling
    exact = signature.ours or sampling.greedy or (sampling.temperature == 1 and sampling.top_p == 1)
    beyond = signature.logprobs is None or (generation.logprobs or 0) > signature.logprobs
    rules: Sequence[tuple[bool, str, str]] = (
        (generation.suffix is not None, "suffix", "this model can't fill in the middle."),
        (
            max(1, len(generation.prompt)) + generation.max_tokens > context,
            "prompt",
            f"prompt and max_tokens need more than the {context} tokens of the context.",
        ),
        (
            generation.logprobs is not None and beyond,
            "logprobs",
            "this Triton model gives no alternatives' log-probabilities."
            if signature.logprobs is not None
            else "this Triton model gives no log-probabilities.",
        ),
        (
            generation.logprobs is not None and not exact,
            "logprobs",
            "FasterTransformer computes them after sampling; only temperature 0, or 1 with top_p 1, gives the model's.",
        ),
        (
            sampling.top_k > _MOST_TOP_K and not signature.ours,
            "top_k",
            f"FasterTransformer draws from at most {_MOST_TOP_K} tokens.",
        ),
        *(
            (
                bool(getattr(sampling, name)) and name not in signature.inputs,
                name,
                f"this Triton model has no {name}.",
            )
            for name in ("presence_penalty", "frequency_penalty")
        ),
        (
            bool(sampling.logit_bias) and not _can_bias(sampling, signature),
            "logit_bias",
            "this Triton model has none; it can only ban tokens, by -100, and not the token 0.",
        ),
    )
    for wrong, field, message in rules:
        if wrong:
            raise EngineRefusal(message, field=field)


def build(
    generation: Generation,
    signature: "Signature",
    *,
    end_id: int,
    stop_words: Sequence[Sequence[int]],
    random: Callable[[int], int],
) -> list[Tensor]:
    """The tensors of a generation that ``check`` lets pass. ``random`` draws a number below what it is given."""
    sampling = generation.sampling
    prompt = generation.prompt or (end_id,)
    values: dict[str, Value] = {name: KNOWN[name] for name in signature.required}
    values |= {
        "input_ids": prompt,
        "input_lengths": len(prompt),
        "request_output_len": generation.max_tokens,
        "start_id": end_id,
        "end_id": end_id,
        **_drawing(sampling),
        **_seed(sampling, signature, random),
    }
    if generation.logprobs is not None:
        values["is_return_log_probs"] = True
        if generation.logprobs:
            values["top_log_probs_count"] = generation.logprobs
    if sampling.presence_penalty:
        values["presence_penalty"] = sampling.presence_penalty
    if sampling.frequency_penalty:
        values["frequency_penalty"] = sampling.frequency_penalty
    values |= _bias(sampling, signature)
    if stop_words:
        values["stop_words_list"] = _pack_words(stop_words)
    return [
        _tensor(name, signature.inputs[name], value)
        for name, value in values.items()
        if name in signature.inputs
    ]


def _drawing(sampling: Sampling) -> Mapping[str, Value]:
    """Without top-k a top-p of 0 is greedy to FasterTransformer, with a warning in its log: it is said as top-k 1."""
    if sampling.greedy:
        return {"runtime_top_k": 1, "runtime_top_p": 1.0, "temperature": NEAR_ONE}
    temperature = NEAR_ONE if _single(sampling.temperature) == 1 else sampling.temperature
    return {"runtime_top_k": sampling.top_k, "runtime_top_p": sampling.top_p, "temperature": temperature}


def _seed(sampling: Sampling, signature: "Signature", random: Callable[[int], int]) -> Mapping[str, Value]:
    """Without a seed FasterTransformer draws the same each time; ours doesn't, and is quicker without."""
    if sampling.seed is not None:
        return {"random_seed": sampling.seed % _SEEDS}
    return {} if signature.ours else {"random_seed": random(_SEEDS)}


def _can_bias(sampling: Sampling, signature: "Signature") -> bool:
    if {"logit_bias_ids", "logit_bias_values"} <= signature.inputs.keys():
        return True
    banned = all(bias <= _BAN for bias in sampling.logit_bias.values()) and 0 not in sampling.logit_bias
    return banned and "bad_words_list" in signature.inputs


def _bias(sampling: Sampling, signature: "Signature") -> Mapping[str, Value]:
    if not sampling.logit_bias:
        return {}
    if "logit_bias_ids" in signature.inputs:
        return {
            "logit_bias_ids": list(sampling.logit_bias),
            "logit_bias_values": list(sampling.logit_bias.values()),
        }
    return {"bad_words_list": _pack_words([[token] for token in sampling.logit_bias])}


def _pack_words(words: Sequence[Sequence[int]]) -> tuple[Sequence[int], Sequence[int]]:
    """All words' ids one after the other, and where each ends; filled up with 0 and -1."""
    ids = [token for word in words for token in word]
    ends = list(accumulate(len(word) for word in words))
    return ids, [*ends, *[-1] * (len(ids) - len(ends))]


def _tensor(name: str, dtype: str, value: Value) -> Tensor:
    """A row: a number is [1, 1], numbers are [1, n], a word list is [1, 2, n]."""
    shape: tuple[int, ...]
    flat: list[Any]
    if isinstance(value, bool | int | float):
        shape, flat = (1, 1), [value]
    elif value and isinstance(value[0], Sequence):
        shape, flat = (1, len(value), len(value[0])), [number for row in value for number in row]  # type: ignore[union-attr]
    else:
        shape, flat = (1, len(value)), [*value]
    try:
        return Tensor(name, dtype, shape, struct.pack(f"<{len(flat)}{_CODES[dtype]}", *flat))
    except (KeyError, struct.error) as error:
        raise EngineError(f"Triton's model wants {name} as {dtype}, which does not hold it.") from error


def _single(number: float) -> float:
    """What is left of a number in 32 bits."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0]) if math.isfinite(number) else number
