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

    ``value ≈ quantised / scale``; the largest of a row becomes ±127. A row of zeros has the scale 1.
    """
    values = rows.astype(np.float32)  # a copy: it is scaled in place
    largest = np.amax(np.absolute(values), axis=1)
    if not np.isfinite(largest).all():
        raise NotFinite("holds numbers that are not finite")
    largest[largest == 0] = 127.0
    # Or the scale of a row of denormal numbers would be infinite.
    largest = np.maximum(largest, np.float32(127) / np.finfo(np.float32).max)
    scales = 127.0 / largest
    values *= np.expand_dims(scales, 1)
    return np.rint(values, out=values).astype(np.int8), scales


def as_float(values: Array, dtype: str) -> Array:
    """The values in a floating type; bfloat16 as its bits in uint16, since numpy has no such type.

    Raises ``NotFinite`` where a finite number becomes infinite.
    """
    if dtype == "bfloat16":
        return _bfloat16_bits(values.astype(np.float32, copy=False))
    with np.errstate(over="ignore"):
        converted: Array = values.astype(dtype, copy=False)
    if converted is not values and converted.itemsize < values.itemsize and not np.isfinite(converted).all():
        raise NotFinite(f"holds numbers that {dtype} can't hold; choose float32 or bfloat16")
    return converted


def _bfloat16_bits(values: NDArray[np.float32]) -> Array:
    """Round to the nearest, ties to even, as IEEE 754 and torch do."""
    bits = values.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    result: Array = rounded.astype(np.uint16)
    nan = np.isnan(values)
    if nan.any():
        result[nan] = 0x7FC0
    return result
