"""Weights on disk as Hugging Face stores them: safetensors, or PyTorch's zip file, in one file or in several.

Written by hand, without torch, so that a test can also make them wrong. The formats: the safetensors README; for
PyTorch, torch/csrc/jit/serialization and torch/_utils.py (`_rebuild_tensor_v2`).
"""

import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
STEMS = {"safetensors": ("model", "safetensors"), "pytorch": ("pytorch_model", "bin")}
CODES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "bool": "BOOL"}
STORAGES = {
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "bool": "BoolStorage",
}


def stored(array: Array, dtype: str) -> tuple[str, bytes]:
    """An array's kind and bytes when floats are kept as ``dtype``; bfloat16 is rounded to nearest, ties to even."""
    if array.dtype == np.bool_:
        return "bool", array.tobytes()
    if dtype != "bfloat16":
        return dtype, array.astype(dtype).tobytes()
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).astype(np.uint64)
    return dtype, ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()


def safetensors_bytes(tensors: Mapping[str, Array], dtype: str = "float32") -> bytes:
    """A safetensors file."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = bytearray()
    for name, array in tensors.items():
        kind, data = stored(array, dtype)
        span = [len(body), len(body) + len(data)]
        header[name] = {"dtype": CODES[kind], "shape": list(array.shape), "data_offsets": span}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(body)


def _word(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _number(value: int) -> bytes:
    data = value.to_bytes(8, "little")
    return b"\x8a\x08" + data


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


ORDERED = b"ccollections\nOrderedDict\n)R"


def _tensor(key: str, kind: str, shape: tuple[int, ...]) -> bytes:
    """The pickle instructions that call torch's function for a contiguous tensor over a storage of its own."""
    count = int(np.prod(shape, dtype=np.int64))
    strides = [int(np.prod(shape[at + 1 :], dtype=np.int64)) for at in range(len(shape))]
    storage = f"ctorch\n{STORAGES[kind]}\n".encode()
    persistent = _tuple(_word("storage"), storage, _word(key), _word("cpu"), _number(count)) + b"Q"
    sizes = (_tuple(*map(_number, shape)), _tuple(*map(_number, strides)))
    arguments = _tuple(persistent, _number(0), *sizes, b"\x89", ORDERED)
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def write_pytorch(path: Path, tensors: Mapping[str, Array], dtype: str = "float32") -> None:
    """The file that torch.save writes for a state_dict."""
    pickle = bytearray(b"\x80\x02" + ORDERED + b"(")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for at, (name, array) in enumerate(tensors.items()):
            kind, data = stored(array, dtype)
            pickle += _word(name) + _tensor(str(at), kind, array.shape)
            archive.writestr(f"archive/data/{at}", data)
        archive.writestr("archive/data.pkl", bytes(pickle + b"u."))
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")


def write_weights(
    folder: Path,
    tensors: Mapping[str, Array],
    *,
    dtype: str = "float32",
    shards: int = 1,
    format: str = "safetensors",  # noqa: A002 - the word that the files' own documentation uses
) -> None:
    """One file, or ``shards`` files with the index that names the file of each tensor."""
    stem, suffix = STEMS[format]
    names = [f"{stem}.{suffix}"]
    if shards > 1:
        names = [f"{stem}-{at + 1:05}-of-{shards:05}.{suffix}" for at in range(shards)]
        files = {name: names[at % shards] for at, name in enumerate(tensors)}
        total = sum(len(stored(array, dtype)[1]) for array in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": files}
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index, indent=2), "utf-8")
    for at, file in enumerate(names):
        part = {name: array for number, (name, array) in enumerate(tensors.items()) if number % shards == at}
        if format == "pytorch":
            write_pytorch(folder / file, part, dtype)
        else:
            (folder / file).write_bytes(safetensors_bytes(part, dtype))
