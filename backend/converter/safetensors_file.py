"""Reads safetensors files without copying: an 8-byte length, a JSON header, and the numbers.

The format: https://github.com/huggingface/safetensors#format
"""

import json
import struct
from collections.abc import Mapping, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from .problems import ConvertError
from .tensors import Rows, TensorInfo

_LONGEST_HEADER = 100 * 1024 * 1024  # the format's own limit
_DTYPES: Mapping[str, str] = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


class SafetensorsFile:
    """One file: its tensors, and views of them."""

    def __init__(self, path: Path) -> None:
        """Map the file and read its header; raises ``ConvertError`` if it is none or was cut short."""
        self._path = path
        with path.open("rb") as file:
            size = path.stat().st_size
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
            if length > min(_LONGEST_HEADER, size - 8):
                raise self._damaged("it is no safetensors file, or was cut short")
            header = self._header(file.read(length))
            self._map = mmap(file.fileno(), 0, access=ACCESS_READ)
        self._start = 8 + length
        self._data = size - self._start
        self._offsets: dict[str, int] = {}
        self.tensors: dict[str, TensorInfo] = {}
        for name, entry in header.items():
            if name != "__metadata__":
                self._add(name, entry)

    def rows(self, name: str) -> Rows:
        """A view of a tensor."""
        return mapped_rows(self._map, self._offsets[name], self.tensors[name])

    def close(self) -> None:
        """Give the map back, unless a view of it is still in use."""
        close_map(self._map)

    def _header(self, text: bytes) -> dict[str, Any]:
        try:
            header = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged("its header is no JSON") from error
        if not isinstance(header, dict):
            raise self._damaged("its header is no JSON object")
        return header

    def _add(self, name: str, entry: Any) -> None:
        try:
            info = TensorInfo(tuple(int(size) for size in entry["shape"]), _DTYPES[entry["dtype"]])
            begin, end = (int(offset) for offset in entry["data_offsets"])
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise self._damaged(
                f"its header describes {name} in a way that is not known ({error})"
            ) from error
        if min((0, *info.shape)) < 0 or end - begin != info.bytes or not 0 <= begin <= end <= self._data:
            raise self._damaged(f"{name} does not lie within it, so it was cut short or its header is wrong")
        self.tensors[name] = info
        self._offsets[name] = self._start + begin

    def _damaged(self, why: str) -> ConvertError:
        return ConvertError(f"{self._path} is damaged: {why}. Download or save it again.")


def mapped_rows(source: mmap, offset: int, info: TensorInfo, strides: Sequence[int] | None = None) -> Rows:
    """A tensor at a byte offset of a map, without a copy. A scalar has one row.

    ``strides`` count numbers, not bytes; None: row-major. They must not lead out of the map.
    """
    import numpy as np

    raw = np.dtype("uint16" if info.dtype == "bfloat16" else info.dtype).newbyteorder("<")
    shape = info.shape or (1,)
    if not info.bytes:
        return Rows((np.zeros(shape, raw),), info.dtype)
    steps = [step * raw.itemsize for step in strides] if strides else None
    return Rows((np.ndarray(shape, raw, source, offset, steps),), info.dtype)


def close_map(source: mmap) -> None:
    """Close a map; one that a view still uses closes when the view is gone."""
    try:
        source.close()
    except BufferError:
        return
