"""A tensor as it lies in a file: rows of a memory map that become numbers only where they are needed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ITEM_BYTES: Mapping[str, int] = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
"""Types that a checkpoint may hold, by numpy's names, and their bytes. numpy has no bfloat16."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a checkpoint says of a tensor."""

    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    """One of ``ITEM_BYTES``."""

    @property
    def bytes(self) -> int:
        """How many it takes in the file."""
        return prod(self.shape) * ITEM_BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class Rows:
    """Stretches of rows [n, …] of memory-mapped tensors, one after another, as if they were one tensor.

    What was cut out of a fused tensor is so described without a copy: nothing is read before it is asked for.
    """

    pieces: "tuple[NDArray[np.generic], ...]"
    """Views of the files. Those of bfloat16 are seen as uint16."""
    dtype: str = "float32"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole."""
        return (sum(len(piece) for piece in self.pieces), *self.pieces[0].shape[1:])

    def between(self, start: int, stop: int) -> "Rows":
        """Rows ``start`` to ``stop``, again as views."""
        cut, first = [], 0
        for piece in self.pieces:
            part = piece[max(0, start - first) : max(0, stop - first)]
            if len(part):
                cut.append(part)
            first += len(piece)
        return Rows(tuple(cut) or (self.pieces[0][:0],), self.dtype)

    def blocks(self, rows: int) -> "Iterator[NDArray[np.generic]]":
        """The numbers, at most ``rows`` rows at a time; a block lies in one piece and may be a view."""
        for piece in self.pieces:
            for start in range(0, len(piece), rows):
                yield numbers(piece[start : start + rows], self.dtype)

    def array(self) -> "NDArray[np.generic]":
        """All of it as numbers; a view of the file if it is one piece and no bfloat16."""
        import numpy as np

        parts = [numbers(piece, self.dtype) for piece in self.pieces]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def numbers(raw: "NDArray[np.generic]", dtype: str) -> "NDArray[np.generic]":
    """What a part of a file holds: itself, but bfloat16, which is the upper half of a float32, becomes that."""
    import numpy as np

    if dtype != "bfloat16":
        return raw
    wide = raw.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)
