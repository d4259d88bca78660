"""How CTranslate2 stores numbers: int8 with a scale for each row, float16, bfloat16, float32.

The same arithmetic, operation by operation in float32, as ``LayerSpec._quantize`` of CTranslate2 4.8's
``model_spec.py``: the same weights give the same bytes. Arrays in, arrays out; no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class NotFinite(ValueError):
    """Numbers that aren't, or that the type asked for can't hold; the message says which of the two."""


_NOT_FINITE = 0x7C00  # float16's exponent of infinity and of what is no number
_BROKEN = "holds numbers that are infinite or none (NaN): the checkpoint is broken"


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a model's weights are stored; None: as they are in the checkpoint."""

    matrices: str | None
    """The type of embeddings and linear layers."""
    rest: str | None
    """The type of biases and layer norms; scales are always float32."""


SCHEMES: Mapping[str | None, Scheme] = {
    None: Scheme(None, None),
    "float32": Scheme("float32", "float32"),
    "float16": Scheme("float16", "float16"),
    "bfloat16": Scheme("bfloat16", "bfloat16"),
    "int8": Scheme("int8", None),
    "int8_float32": Scheme("int8", "float32"),
    "int8_float16": Scheme("int8", "float16"),
    "int8_bfloat16": Scheme("int8", "bfloat16"),
}
"""By CTranslate2's names. Its int16 is left out: twice the size of int8, and slower wherever int8 runs."""


def int8_rows(rows: Array) -> tuple[Array, Array]:
    """Quantise [rows, columns] symmetrically: ``(int8 [rows, columns], float32 scales [rows])``.

    ``value ≈ quantised / scale``; the largest of a row becomes ±127. A row of zeros has the scale 1. Raises
    ``NotFinite``.
    """
    largest = _largest(rows)
    values = _widened(rows) if rows.dtype == np.float16 else rows.astype(np.float32)  # a copy in either case
    largest[largest == 0] = 127.0
    # Or the scale of a row of denormal numbers would be infinite.
    largest = np.maximum(largest, np.float32(127) / np.finfo(np.float32).max)
    scales = 127.0 / largest
    values *= np.expand_dims(scales, 1)
    return np.rint(values, out=values).astype(np.int8), scales


def _largest(rows: Array) -> NDArray[np.float32]:
    """The largest size of a number in each row."""
    if rows.dtype == np.float16:  # their bits without the sign are in the numbers' order
        bits = (_bits(rows) & np.uint16(0x7FFF)).max(axis=1)
        if (bits >= _NOT_FINITE).any():
            raise NotFinite(_BROKEN)
        halves: NDArray[np.float16] = bits.view(np.float16)
        return halves.astype(np.float32)
    largest: NDArray[np.float32] = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    if not np.isfinite(largest).all():
        raise NotFinite(_BROKEN)
    return largest


def as_float(values: Array, dtype: str) -> Array:
    """The values in a floating type; bfloat16 as its bits in uint16, since numpy has no such type.

    Raises ``NotFinite`` where a number is infinite or none, or becomes so.
    """
    if values.dtype == np.float16:
        _check_half(values)
        if dtype == "float16":
            return values
        values = _widened(values)
    else:
        _check_finite(values)
    if dtype == "bfloat16":
        return _bfloat16_bits(values)
    with np.errstate(over="ignore"):
        converted: Array = values.astype(dtype, copy=False)
    if dtype == "float16" and not np.isfinite(converted).all():
        raise NotFinite("holds numbers that float16 can't hold; choose float32 or bfloat16")
    return converted


def _widened(values: Array) -> NDArray[np.float32]:
    """Finite float16 as float32: several times as fast as numpy's own conversion, and as exact."""
    wide = _bits(values).view(np.int16).astype(np.int32)
    wide <<= 13  # exponent and fraction are where float32 has them, and the sign is everywhere above
    wide &= np.int32(-0x7000_2000)
    result: NDArray[np.float32] = wide.view(np.float32)
    result *= np.float32(2.0**112)  # the two exponents' biases are 127 and 15
    return result


def _check_finite(values: Array) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum()  # quicker, and mostly enough
    if not np.isfinite(total) and not np.isfinite(values).all():
        raise NotFinite(_BROKEN)


def _check_half(values: Array) -> None:
    if ((_bits(values) & np.uint16(_NOT_FINITE)) == _NOT_FINITE).any():
        raise NotFinite(_BROKEN)


def _bits(values: Array) -> NDArray[np.uint16]:
    return np.ascontiguousarray(values).view(np.uint16)


def _bfloat16_bits(values: NDArray[np.float32]) -> Array:
    """Round to the nearest, ties to even, as IEEE 754 and torch do."""
    bits = values.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return rounded.astype(np.uint16)
