"""The tensors that FasterTransformer's GPT-J gives, checked and read as the tokens of one row. Pure.

A decoupled model repeats the whole sequence in each response; only what is new is looked at. A server whose model or
tensors are broken must not make text, so everything that can't be is an ``EngineError``.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .base import EngineError

_CODES = {"UINT32": "I", "INT32": "i", "FP32": "f"}
_ITEM = 4  # bytes of each of these


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token."""

    id: int
    logprob: float | None = None
    """None: not asked for."""
    top: Sequence[tuple[int, float]] = ()


class Answer:
    """Reads the responses to one request."""

    def __init__(self, prompt: Sequence[int], *, rows: int | None, logprobs: int | None) -> None:
        self._prompt = prompt
        self._spelling = struct.pack(f"<{len(prompt)}I", *prompt)
        self._rows = rows
        self._logprobs = logprobs
        self._seen = 0

    def take(self, response: Any) -> list[Token]:
        """The tokens that a ``ModelInferResponse`` has beyond those before it. Raises ``EngineError``."""
        tensors = _Tensors(response)
        start = len(self._prompt)
        ids = tensors.row("output_ids", ("UINT32", "INT32"))
        (end,) = tensors.row("sequence_length", ("UINT32", "INT32"), count=1).numbers(0, 1)
        if not start + self._seen <= end <= ids.count:
            raise _senseless(f"a sequence_length of {end}", f"{start + self._seen} to {ids.count}")
        if ids.raw[: len(self._spelling)] != self._spelling:
            raise _senseless("output_ids that do not begin with the prompt", "the prompt")
        new = ids.numbers(start + self._seen, int(end))
        first, self._seen = self._seen, int(end) - start
        limit = self._rows or 2**31
        if any(not 0 <= token < limit for token in new):
            raise _senseless("token ids that do not exist", f"0 to {limit - 1}")
        if self._logprobs is None:
            return [Token(int(token)) for token in new]
        chosen = tensors.row("output_log_probs", ("FP32",)).numbers(first, self._seen)
        tops = self._alternatives(tensors, first) if self._logprobs else [()] * len(new)
        return [
            Token(int(token), _logprob(value), top)
            for token, value, top in zip(new, chosen, tops, strict=True)
        ]

    def _alternatives(self, tensors: "_Tensors", first: int) -> list[Sequence[tuple[int, float]]]:
        ids, values = (
            tensors.row("top_log_probs_ids", ("UINT32", "INT32")),
            tensors.row("top_log_probs", ("FP32",)),
        )
        wide = ids.shape[-1]
        if ids.shape != values.shape or wide != self._logprobs:
            raise _senseless(f"top_log_probs of the shape {values.shape}", f"{self._logprobs} for each token")
        found: list[Sequence[tuple[int, float]]] = []
        for number in range(first, self._seen):
            span = number * wide, (number + 1) * wide
            pairs = zip(ids.numbers(*span), values.numbers(*span), strict=True)
            found.append([(int(token), _logprob(value)) for token, value in pairs])
        return found


@dataclass(frozen=True, slots=True)
class _Row:
    """One output of one row, its numbers not yet unpacked."""

    name: str
    code: str
    shape: Sequence[int]
    raw: bytes

    @property
    def count(self) -> int:
        return len(self.raw) // _ITEM

    def numbers(self, start: int, end: int) -> Sequence[float]:
        """Some of its numbers; only these are unpacked."""
        if not 0 <= start <= end <= self.count:
            raise _senseless(f"{self.name} with {self.count} numbers", f"{end} or more")
        return struct.unpack_from(f"<{end - start}{self.code}", self.raw, start * _ITEM)


class _Tensors:
    """The outputs of a response by name."""

    def __init__(self, response: Any) -> None:
        if len(response.outputs) != len(response.raw_output_contents):
            raise _senseless("outputs without their contents", "raw contents")
        pairs = zip(response.outputs, response.raw_output_contents, strict=True)
        self._found = {output.name: (output, raw) for output, raw in pairs}

    def row(self, name: str, dtypes: Sequence[str], *, count: int | None = None) -> _Row:
        """The output of the only row and beam. Raises ``EngineError`` if it can't be that."""
        if name not in self._found:
            raise _senseless(f"no {name}", "it")
        output, raw = self._found[name]
        shape = tuple(output.shape)
        if output.datatype not in dtypes:
            raise _senseless(f"{name} as {output.datatype}", " or ".join(dtypes))
        whole = math.prod(shape)
        lead = shape[: 1 if count is not None and len(shape) == 1 else 2]
        if whole * _ITEM != len(raw) or math.prod(lead) != 1 or len(shape) < (1 if count else 3):
            raise _senseless(f"{name} of the shape {list(shape)} in {len(raw)} bytes", "one row")
        if count is not None and whole != count:
            raise _senseless(f"{name} with {whole} numbers", str(count))
        return _Row(name, _CODES[output.datatype], shape, raw)


def _logprob(value: float) -> float:
    if not math.isfinite(value):
        raise _senseless(f"a log-probability of {value}", "a number")
    return min(0.0, value)


def _senseless(found: str, expected: str) -> EngineError:
    return EngineError(f"Triton's model gave {found}; expected {expected}.")
