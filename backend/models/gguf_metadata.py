"""What a GGUF file says about itself: its header read with bounds, its weights never touched.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

from .errors import BadModelFileError

Scalar = int | float | bool | str

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {  # type number -> struct format
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
_TOKENS = "tokenizer.ggml.tokens"
_MOST_KEYS = 65_536
_MOST_TENSORS = 1_048_576
_MOST_DIMENSIONS = 4
_LONGEST_STRING = 16 * 1024 * 1024  # chat templates are long, nothing is longer
_BLOCKS = {  # tensor type number -> (weights in a block, bytes of a block)
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    30: (1, 2),  # BF16
}


@dataclass(frozen=True, slots=True)
class GgufMetadata:
    """The header of one file."""

    path: Path
    bytes: int
    """Size of the file."""
    values: Mapping[str, Scalar]
    """Every key that holds a single value."""
    counts: Mapping[str, int]
    """Every key that holds a list, with its length."""
    token_ids: Mapping[str, int] = field(default_factory=dict)
    """Those of the wanted tokens that the vocabulary has, with their ids."""

    @property
    def architecture(self) -> str:
        """Such as ``llama`` or ``qwen2``; prefix of the architecture's own keys."""
        return str(self.values.get("general.architecture", ""))

    @property
    def name(self) -> str:
        """What its makers call it; may be empty."""
        return str(self.values.get("general.name", ""))

    @property
    def context_length(self) -> int:
        """Tokens that the model was trained on at once; 0 if the file does not say."""
        return self.whole("context_length")

    @property
    def vocab_size(self) -> int:
        """How many tokens there are."""
        return self.counts.get(_TOKENS, 0) or self.whole("vocab_size")

    def whole(self, key: str, default: int = 0) -> int:
        """A number among the architecture's keys, such as ``block_count``."""
        value = self.values.get(f"{self.architecture}.{key}", default)
        return value if isinstance(value, int) else default

    def token(self, key: str) -> int | None:
        """A token id among the tokenizer's keys, such as ``bos``; None if absent or out of range."""
        value = self.values.get(f"tokenizer.ggml.{key}_token_id")
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < self.vocab_size:
            return None
        return value

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token takes in a half-precision KV cache, at most."""
        heads = self.whole("attention.head_count", 1) or 1
        size = self.whole("embedding_length") // heads
        keys, values = self.whole("attention.key_length", size), self.whole("attention.value_length", size)
        return (
            2
            * self.whole("block_count")
            * (self.whole("attention.head_count_kv", heads) or heads)
            * (keys + values)
        )


def read_metadata(path: Path, *, wanted: Collection[str] = ()) -> GgufMetadata:
    """Read a file's header; ``wanted`` are tokens whose ids are of interest.

    Raises ``BadModelFileError`` that names the file if it is missing, no GGUF, damaged or cut short.
    """
    try:
        with path.open("rb") as file:
            return _Reader(file, path, frozenset(wanted)).read()
    except IsADirectoryError:
        raise BadModelFileError(f"{path} is a directory, not a GGUF file.") from None
    except OSError as error:
        raise BadModelFileError(f"{path} can't be read: {error.strerror or error}.") from error
    except (struct.error, OverflowError, UnicodeDecodeError, MemoryError) as error:
        raise BadModelFileError(f"{path} is damaged: its header makes no sense ({error}).") from error


class _Reader:
    """One pass over a header. No length in it is believed before it is compared with the file's size."""

    def __init__(self, file: BufferedReader, path: Path, wanted: frozenset[str]) -> None:
        self._file = file
        self._path = path
        self._wanted = {token.encode(): token for token in wanted}
        self._size = path.stat().st_size
        self._token_ids: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    def read(self) -> GgufMetadata:
        magic = self._file.read(4)
        if magic != _MAGIC:
            raise BadModelFileError(f"{self._path} is not a GGUF file.")
        version = self._number("<I")
        if version not in _VERSIONS:
            raise self._damaged(f"version {version} of GGUF is not known")
        tensors, keys = self._number("<Q"), self._number("<Q")
        if keys > _MOST_KEYS or tensors > _MOST_TENSORS:
            raise self._damaged("it claims too many entries")
        values: dict[str, Scalar] = {}
        for _ in range(keys):
            key = self._string()
            value = self._value(key, self._number("<I"))
            if value is not None:
                values[key] = value
        self._check_tensors(tensors, values.get("general.alignment", 32))
        metadata = GgufMetadata(self._path, self._size, values, self._counts, self._token_ids)
        if not metadata.architecture:
            raise self._damaged("it names no architecture")
        return metadata

    def _check_tensors(self, count: int, alignment: Scalar) -> None:
        """Every tensor must lie within the file, or the download was cut short."""
        if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
            raise self._damaged(f"alignment {alignment}")
        end = 0
        for _ in range(count):
            self._string()
            dimensions = self._number("<I")
            if dimensions > _MOST_DIMENSIONS:
                raise self._damaged(f"a tensor of {dimensions} dimensions")
            weights = 1
            for _ in range(dimensions):
                weights *= self._number("<Q")
            block, size = _BLOCKS.get(self._number("<I"), (1, 0))
            end = max(end, self._number("<Q") + weights // block * size)
        start = -(-self._file.tell() // alignment) * alignment
        if start + end > self._size:
            raise self._damaged(
                f"it should have {start + end:,} bytes and has {self._size:,}, so it was cut short"
            )

    def _value(self, key: str, kind: int) -> Scalar | None:
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _STRING:
            return self._bytes().decode("utf-8", "replace")
        if kind == _ARRAY:
            self._array(key)
            return None
        raise self._damaged(f"key {key[:64]!r} has type {kind}")

    def _array(self, key: str) -> None:
        kind, count = self._number("<I"), self._number("<Q")
        self._counts[key] = count
        if kind in _SCALARS:
            self._skip(count * struct.calcsize(_SCALARS[kind]))
        elif kind == _STRING:
            self._check(count * 8)  # each string has a length of 8 bytes before it
            for index in range(count):
                text = self._bytes()
                if key == _TOKENS and text in self._wanted:
                    self._token_ids.setdefault(self._wanted[text], index)
        else:
            raise self._damaged(f"key {key[:64]!r} is a list of type {kind}")

    def _string(self) -> str:
        return self._bytes().decode()

    def _bytes(self) -> bytes:
        length = self._number("<Q")
        if length > _LONGEST_STRING:
            raise self._damaged(f"a text of {length:,} bytes")
        return self._exactly(length)

    def _number(self, form: str) -> int:
        value: int = struct.unpack(form, self._exactly(struct.calcsize(form)))[0]
        return value

    def _exactly(self, length: int) -> bytes:
        data = self._file.read(length)
        if len(data) != length:
            raise self._damaged("its header ends in the middle")
        return data

    def _skip(self, length: int) -> None:
        self._check(length)
        self._file.seek(length, 1)

    def _check(self, length: int) -> None:
        if self._file.tell() + length > self._size:
            raise self._damaged("its header ends in the middle")

    def _damaged(self, why: str) -> BadModelFileError:
        return BadModelFileError(f"{self._path} is damaged: {why}.")
