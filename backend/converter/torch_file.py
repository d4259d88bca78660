"""Reads `pytorch_model.bin` without torch: PyTorch's zip format, the numbers of which lie there uncompressed.

The format: https://docs.pytorch.org/docs/stable/notes/serialization.html (a zip of ``data.pkl`` and ``data/KEY``).
"""

import struct
import zipfile
from collections.abc import Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

from .problems import ConvertError
from .safetensors_file import close_map, mapped_rows
from .tensors import ITEM_BYTES, Rows, TensorInfo
from .torch_pickle import MOST_BYTES, StoredTensor, read_index

_ZIP = b"PK\x03\x04"
_OLD_PICKLE = (
    b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # the magic number of torch < 1.6, after two bytes of protocol
)
_LOCAL_HEADER = struct.Struct(
    "<26xHH"
)  # lengths of name and extra field, at the end of a zip entry's local header

_NO_ZIP = (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, OverflowError, struct.error)
_ENCRYPTED = 1  # bit of a zip entry's flags


class TorchFile:
    """One file: its tensors, and views of them."""

    def __init__(self, path: Path) -> None:
        """Map the file and read its index; raises ``ConvertError`` for old formats, damage and foreign objects."""
        self._path = path
        with path.open("rb") as file:
            self._check_format(file)
            try:
                self._records, index = self._read_zip(file)
            except _NO_ZIP as error:
                raise self._damaged(
                    f"its zip directory can't be read, so it was cut short ({error})"
                ) from error
            self._map = mmap(file.fileno(), 0, access=ACCESS_READ)
        self._tensors = read_index(index, str(path))
        self.tensors: Mapping[str, TensorInfo] = {name: entry.info for name, entry in self._tensors.items()}
        for name, entry in self._tensors.items():
            self._check(name, entry)

    def rows(self, name: str) -> Rows:
        """A view of a tensor."""
        entry = self._tensors[name]
        offset = self._records[entry.storage.key][0] + entry.offset * ITEM_BYTES[entry.storage.dtype]
        return mapped_rows(self._map, offset, entry.info, entry.strides)

    def close(self) -> None:
        """Give the map back, unless a view of it is still in use."""
        close_map(self._map)

    def _check_format(self, file: BinaryIO) -> None:
        head = file.read(262)
        if head.startswith(_ZIP):
            return
        if head[2 : 2 + len(_OLD_PICKLE)] == _OLD_PICKLE or head[257:262] == b"ustar":
            raise ConvertError(
                f"{self._path} is in PyTorch's old format (before 1.6), which is not read here. Save it anew with "
                f"torch: torch.save(torch.load({self._path.name!r}, weights_only=True), {self._path.name!r})"
            )
        raise self._damaged("it is no weights file of PyTorch")

    def _read_zip(self, file: BinaryIO) -> tuple[dict[str, tuple[int, int]], bytes]:
        """Where each record lies (offset and bytes, by the key of its storage), and the index."""
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            indexes = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
            if len(indexes) != 1 or indexes[0].file_size > MOST_BYTES:
                raise self._damaged("it has no index data.pkl")
            root = indexes[0].filename.removesuffix("data.pkl")
            order = f"{root}byteorder"
            for entry in entries:
                if entry.filename in {order, indexes[0].filename}:
                    self._data_offset(
                        file, entry
                    )  # refuses what is compressed, and what is longer than the file
                if entry.filename == order and archive.read(entry) != b"little":
                    raise ConvertError(
                        f"{self._path} was saved on a big-endian machine, which is not read here."
                    )
            index = archive.read(indexes[0])
        prefix = f"{root}data/"
        return {
            entry.filename.removeprefix(prefix): (self._data_offset(file, entry), entry.file_size)
            for entry in entries
            if entry.filename.startswith(prefix)
        }, index

    def _data_offset(self, file: BinaryIO, entry: zipfile.ZipInfo) -> int:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
            raise self._damaged(
                f"its record {entry.filename} is compressed or encrypted, which PyTorch never does"
            )
        file.seek(entry.header_offset)
        name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        offset = entry.header_offset + _LOCAL_HEADER.size + int(name) + int(extra)
        if offset + entry.file_size > self._path.stat().st_size:
            raise self._damaged(f"its record {entry.filename} does not lie within it")
        return offset

    def _check(self, name: str, entry: StoredTensor) -> None:
        """Everything that ``rows`` relies on."""
        if entry.storage.key not in self._records:
            raise self._damaged(f"the numbers of {name} are missing")
        have = self._records[entry.storage.key][1] // ITEM_BYTES[entry.storage.dtype]
        places = zip(entry.shape, entry.strides, strict=False)
        last = entry.offset + sum((size - 1) * step for size, step in places)
        least = min((0, entry.offset, *entry.shape, *entry.strides))
        if len(entry.shape) != len(entry.strides) or least < 0 or (0 not in entry.shape and last >= have):
            raise self._damaged(f"{name} does not lie within its record")

    def _damaged(self, why: str) -> ConvertError:
        return ConvertError(f"{self._path} is damaged: {why}. Download or save it again.")
