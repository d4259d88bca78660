"""The bytes of FasterTransformer's files, block after block, out of views of a checkpoint.

A checkpoint's matrices are [out, in], the files' [in, out]. A block is some columns of the checkpoint's matrix turned
into rows of the file, some megabytes, so that memory does not grow with the model. It is turned tile by tile: a tile's
rows stay in the processor's cache, where a whole column would not. What follows, converting, hashing and writing, goes
in smaller pieces for the same reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from .problems import ConvertError
from .tensors import Rows, numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

_PIECE_BYTES = 1 << 20
_BLOCK_COLUMNS = 256
_TILE_ROWS = 16
"""With as many columns as a block has, the quickest tile of several: numpy then copies along the checkpoint's rows."""
_PAGE = 4096
_EXPONENT = 0x7C00
"""Bits of a half-precision number that are all set in infinities and in what is no number."""
_TYPES: Mapping[str, str] = {"fp32": "<f4", "fp16": "<f2"}


def straight(rows: Rows, dtype: str, where: str) -> "Iterator[memoryview]":
    """A tensor as it lies, in type ``dtype`` (fp32 or fp16).

    Raises ``ConvertError`` that names the tensor ``where`` if a number is infinite, none, or too large for the type.
    """
    for block in rows.blocks(_rows_in_piece(prod(rows.shape[1:]))):
        yield _bytes(block, dtype, where)


def turned(parts: Sequence[Rows], first: int, last: int, dtype: str, where: str) -> "Iterator[memoryview]":
    """Columns ``first`` to ``last`` of matrices [out, in] as rows, several beside each other: [in, parts, out].

    Raises ``ConvertError`` as ``straight`` does.
    """
    import numpy as np

    for part in parts:
        _fetch(part)
    out = parts[0].shape[0]
    raw = parts[0].pieces[0].dtype
    whole = np.empty((min(_BLOCK_COLUMNS, last - first), len(parts), out), raw)
    piece = _rows_in_piece(len(parts) * out)
    for start in range(first, last, _BLOCK_COLUMNS):
        stop = min(start + _BLOCK_COLUMNS, last)
        block = whole[: stop - start]
        for index, part in enumerate(parts):
            _turn(part, start, stop, block[:, index])
        for at in range(0, len(block), piece):
            yield _bytes(numbers(block[at : at + piece], parts[0].dtype), dtype, where)


def constant(value: float, count: int, dtype: str) -> bytes:
    """``count`` times the same number."""
    import numpy as np

    return np.full(count, value, _TYPES[dtype]).tobytes()


def _turn(rows: Rows, start: int, stop: int, block: "Array") -> None:
    at = 0
    for piece in rows.pieces:
        for row in range(0, len(piece), _TILE_ROWS):
            tile = piece[row : row + _TILE_ROWS, start:stop]
            block[:, at : at + len(tile)] = tile.T
            at += len(tile)


def _fetch(rows: Rows) -> None:
    """Have the system read the rows in the order of the disk, before they are read across it."""
    for piece in rows.pieces:
        if piece.flags.c_contiguous:
            piece.reshape(-1)[:: _PAGE // piece.itemsize].max(initial=0)


def _bytes(block: "Array", dtype: str, where: str) -> memoryview:
    import numpy as np

    wanted = np.dtype(_TYPES[dtype])
    _check_finite(block, where)
    try:
        with np.errstate(over="raise"):
            converted = np.ascontiguousarray(block, wanted)
    except FloatingPointError as error:
        raise ConvertError(
            f"{where} has numbers that are too large for {dtype}. Convert with --dtype fp32."
        ) from error
    return converted.reshape(-1).view(np.uint8).data


def _check_finite(block: "Array", where: str) -> None:
    import numpy as np

    floats: Any = block
    if block.dtype == np.float16:
        bits = block.view(np.uint16)  # its arithmetic is slow
        wrong = bool(((bits & _EXPONENT) == _EXPONENT).any())
    else:
        with np.errstate(all="ignore"):  # a sum is quick, and mostly enough
            wrong = not np.isfinite(floats.sum()) and not np.isfinite(floats).all()
    if wrong:
        raise ConvertError(f"{where} has numbers that are infinite or none (NaN): the checkpoint is broken.")


def _rows_in_piece(width: int) -> int:
    return max(1, _PIECE_BYTES // (4 * width))
