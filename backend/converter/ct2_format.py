"""CTranslate2's ``model.bin``, version 6: named variables one after another, then aliases.

Source: ``python/ctranslate2/specs/model_spec.py`` (writer) and ``src/models/model.cc`` (reader) of CTranslate2 4.8.
All numbers are little-endian; a string is its length with the closing zero (uint16), its bytes and the zero.

    uint32 binary version · string specification · uint32 its revision
    uint32 count, then for each variable, in the order of their names:
        string name · uint8 rank · uint32 dims[rank] · uint8 type · uint32 bytes · the bytes, row-major
    uint32 count, then for each alias: string alias · string variable

Pure but for ``read_index``. Nothing here holds more than one piece of a variable.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

BINARY_VERSION = 6

ITEM_SIZES: Mapping[str, int] = {
    "float32": 4,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "float16": 2,
    "bfloat16": 2,
}
"""Bytes of an element, in the order of the enumeration ``DataType``: a type's number is its place."""
TYPES = tuple(ITEM_SIZES)

MOST_BYTES = 2**32 - 1
"""What the field for a variable's size can say."""


class FormatError(ValueError):
    """A file that is not a ``model.bin`` of this version, or a variable that doesn't fit the format."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A named array, whose bytes come piece by piece when they are asked for."""

    name: str
    dtype: str
    """One of ``TYPES``."""
    shape: tuple[int, ...]
    """() for a scalar."""
    pieces: Callable[[], Iterable[memoryview | bytes]]
    """The bytes, row-major; called once."""

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * ITEM_SIZES[self.dtype]


def model_file(
    specification: str, revision: int, variables: Sequence[Variable], aliases: Mapping[str, str]
) -> Iterator[memoryview | bytes]:
    """The bytes of ``model.bin``, piece by piece; ``aliases`` maps an alias to its variable's name.

    Raises ``FormatError`` before the first byte if a variable is too large, and in the middle if one gives
    more or fewer bytes than its shape says.
    """
    for variable in variables:
        if variable.size > MOST_BYTES:
            raise FormatError(
                f"{variable.name} has {variable.size} bytes; this format ends at {MOST_BYTES}. "
                "Choose a quantization with smaller numbers."
            )
    yield struct.pack("<I", BINARY_VERSION)
    yield _string(specification)
    yield struct.pack("<II", revision, len(variables))
    for variable in sorted(variables, key=lambda variable: variable.name):
        yield _header(variable)
        written = 0
        for piece in variable.pieces():
            written += memoryview(piece).nbytes
            yield piece
        if written != variable.size:
            raise FormatError(
                f"{variable.name}: {written} bytes came, its shape {variable.shape} has {variable.size}"
            )
    yield struct.pack("<I", len(aliases))
    for alias, name in sorted(aliases.items()):
        yield _string(alias) + _string(name)


def _header(variable: Variable) -> bytes:
    rank = len(variable.shape)
    return _string(variable.name) + struct.pack(
        f"<B{rank}IBI", rank, *variable.shape, TYPES.index(variable.dtype), variable.size
    )


def _string(text: str) -> bytes:
    encoded = text.encode() + b"\0"
    return struct.pack("<H", len(encoded)) + encoded


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a variable's bytes are in a file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    """Bytes from the file's beginning."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Index:
    """What a ``model.bin`` says it holds."""

    specification: str
    revision: int
    variables: Mapping[str, Entry]
    aliases: Mapping[str, str]


def read_index(path: Path) -> Index:
    """Read the names, types and shapes of a ``model.bin``, none of its weights.

    Raises ``FormatError`` with the variable where the file stops making sense: cut short, too long, or of
    another version.
    """
    with path.open("rb") as file:
        return _read_index(file, path.stat().st_size)


def _read_index(file: BinaryIO, length: int) -> Index:
    last = "the header"

    def number(form: str) -> int:
        return int(struct.unpack(form, exactly(struct.calcsize(form)))[0])

    def exactly(count: int) -> bytes:
        read = file.read(count)
        if len(read) != count:
            raise FormatError(f"the file ends after {last}")
        return read

    def string() -> str:
        return exactly(number("<H"))[:-1].decode(errors="replace")

    version = number("<I")
    if version != BINARY_VERSION:
        raise FormatError(f"binary version {version}, where {BINARY_VERSION} is known")
    specification, revision = string(), number("<I")
    variables: dict[str, Entry] = {}
    for _ in range(number("<I")):
        name = string()
        shape = tuple(number("<I") for _ in range(number("<B")))
        type_id, size = number("<B"), number("<I")
        if type_id >= len(TYPES) or prod(shape) * ITEM_SIZES[TYPES[type_id]] != size:
            raise FormatError(f"{name}: type {type_id}, shape {shape} and {size} bytes don't go together")
        variables[name] = Entry(TYPES[type_id], shape, file.tell(), size)
        last = name
        if file.tell() + size > length:
            raise FormatError(f"the file ends within {name}")
        file.seek(size, 1)
    aliases = {}
    for _ in range(number("<I")):
        alias = string()
        aliases[alias] = string()
    if file.tell() != length:
        raise FormatError(f"{length - file.tell()} bytes too many at the end")
    return Index(specification, revision, variables, aliases)
