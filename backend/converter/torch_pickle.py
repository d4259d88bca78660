"""Reads the index of a PyTorch weights file: a pickle of which only names, shapes and places are wanted.

A pickle is a program. Before it runs, all that it would call is held against the list below, and what it then gets to
call are functions of this module, which make descriptions and nothing else. ``torch.load(weights_only=True)`` draws
the same line: https://docs.pytorch.org/docs/stable/notes/serialization.html
"""

import io
import pickle  # only names, numbers and the functions below come out of it
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .problems import ConvertError
from .tensors import TensorInfo

MOST_BYTES = 256 * 1024 * 1024
_MOST_MEMO = 16_777_216
_STORAGES: Mapping[str, str] = {  # torch's class -> the type of its numbers
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_OPCODES = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "NONE"),
        *("NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"),
        *("SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2"),
        *("TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT"),
        *("LONG_BINPUT", "BINGET", "LONG_BINGET"),
    )
)
"""What torch's own pickles consist of. None of these makes an object of a class of the pickle's choice."""


def _fixed(_self: object, _state: object) -> None:
    """For ``BUILD``, which would otherwise set the fields, or attributes of our own functions, as the pickle likes."""
    raise TypeError("it changes what is not its own")


@dataclass(frozen=True, slots=True)
class Storage:
    """A record of the file that holds numbers."""

    key: str = ""
    dtype: str = "float32"
    count: int = 0

    __setstate__ = _fixed


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as a part of a storage; offset and strides count numbers, not bytes."""

    storage: Storage = Storage()
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    __setstate__ = _fixed

    @property
    def info(self) -> TensorInfo:
        """Its shape and type."""
        return TensorInfo(self.shape, self.storage.dtype)


class _Entries(dict[Any, Any]):
    """Stands for an ``OrderedDict``, the attributes of which (torch's format versions) are of no interest."""

    def __setstate__(self, state: object) -> None:
        """Ignored."""


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str = "float32"

    __setstate__ = _fixed


@dataclass(frozen=True, slots=True)
class _Function:
    make: Callable[..., Any]

    __setstate__ = _fixed

    def __call__(self, *arguments: Any) -> Any:
        """What ``REDUCE`` does."""
        return self.make(*arguments)


def _entries(*items: Any) -> _Entries:
    return _Entries(*items)


def _tensor(
    storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> StoredTensor:
    if not isinstance(storage, Storage) or not isinstance(offset, int):
        raise TypeError("a tensor without a storage")
    return StoredTensor(storage, offset, tuple(map(int, shape)), tuple(map(int, strides)))


def _parameter(tensor: StoredTensor, *_: Any) -> StoredTensor:
    return tensor


_ALLOWED: Mapping[str, _Function | _StorageType] = {
    "collections OrderedDict": _Function(_entries),
    "torch._utils _rebuild_tensor_v2": _Function(_tensor),
    "torch._utils _rebuild_parameter": _Function(_parameter),
    **{f"torch {name}": _StorageType(dtype) for name, dtype in _STORAGES.items()},
}


def read_index(data: bytes, where: str) -> dict[str, StoredTensor]:
    """The tensors that the pickle ``data`` describes, by name.

    ``where`` names the file in errors. Raises ``ConvertError`` if the pickle asks for anything but tensors, or makes
    no sense.
    """
    try:
        _examine(data, where)
        found = _Index(io.BytesIO(data)).load()
    except _NONSENSE as error:
        raise ConvertError(f"{where} is damaged: its index makes no sense ({error}).") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ConvertError(f"{where} holds no named tensors. Save the model's state_dict.")
    return {name: entry for name, entry in found.items() if isinstance(entry, StoredTensor)}


def _examine(data: bytes, where: str) -> None:
    """Raise ``ConvertError`` that lists all that is not weights, before any of it is looked at further."""
    foreign = set()
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "GLOBAL" and argument not in _ALLOWED:
            foreign.add(str(argument).replace(" ", "."))
        elif opcode.name not in _OPCODES:
            foreign.add(f"the instruction {opcode.name}")
        elif opcode.name == "LONG_BINPUT" and (argument or 0) > _MOST_MEMO:
            foreign.add("more objects than a model has")  # one large number would make the table of that size
    if foreign:
        raise ConvertError(
            f"{where} is more than weights: it asks for {', '.join(sorted(foreign))}. Nothing of it was run. "
            "Take the model's safetensors files instead."
        )


class _Index(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """One of our own functions; ``KeyError`` for everything else."""
        return _ALLOWED[f"{module_name} {global_name}"]

    def persistent_load(self, pid: Any) -> Storage:
        """What stands for a storage: ("storage", its class, key, device, count)."""
        kind, storage_type, key, _, count = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            raise TypeError("a reference to something that is no storage")
        return Storage(str(key), storage_type.dtype, int(count))


_NONSENSE = (
    *(pickle.UnpicklingError, AttributeError, EOFError, IndexError, KeyError, MemoryError, OverflowError),
    *(RecursionError, TypeError, UnicodeError, ValueError),
)
