"""`pytorch_model.bin` is data: what is more than weights is refused before any of it runs."""

import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from harness.checkpoint_files import write_pytorch
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.tensors import TensorInfo
from pilotfish.backend.converter.torch_file import TorchFile

NUMBERS = np.arange(6, dtype=np.float32)
STORAGE = b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
"""A tuple that has begun, and in it the storage named 0, of six floats."""


def tensor(offset: int, shape: bytes, strides: bytes) -> bytes:
    """A pickle of {"a": a tensor over that storage}; its shape and strides are pickled tuples."""
    call = b"ctorch._utils\n_rebuild_tensor_v2\n" + STORAGE + b"K%c" % offset + shape + strides
    return b"\x80\x02}X\x01\x00\x00\x00a" + call + b"\x89}tRs."


WHOLE = tensor(0, b"K\x02K\x03\x86", b"K\x03K\x01\x86")


def write(
    path: Path, index: bytes, records: Mapping[str, bytes] | None = None, *, compress: bool = False
) -> Path:
    """A zip file as torch writes it, with this index."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("model/data.pkl", index)
        for name, data in ({"data/0": NUMBERS.tobytes()} if records is None else records).items():
            archive.writestr(f"model/{name}", data)
    return path


def refused(path: Path) -> str:
    """What is said when the file is opened."""
    with pytest.raises(ConvertError) as caught:
        TorchFile(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (WHOLE, [[0, 1, 2], [3, 4, 5]]),
        (tensor(0, b"K\x03K\x02\x86", b"K\x01K\x03\x86"), [[0, 3], [1, 4], [2, 5]]),
        (tensor(1, b"K\x02\x85", b"K\x02\x85"), [1, 3]),
        (tensor(5, b")", b")"), [5]),
        (tensor(6, b"K\x00\x85", b"K\x01\x85"), []),
    ],
)
def test_tensors_are_parts_of_storages(index: bytes, expected: list[object], tmp_path: Path) -> None:
    """Offset and strides are heeded: the transpose of a matrix, every other number, a scalar, nothing."""
    file = TorchFile(write(tmp_path / "f", index))
    assert file.rows("a").array().tolist() == expected


class Runs:
    """What a pickle is, if one lets it: a call of whatever it names."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_program_does_not_run(protocol: int, tmp_path: Path) -> None:
    """A pickle that would call something is refused whatever its protocol, and what it wanted is named."""
    trace = tmp_path / "trace"
    said = refused(write(tmp_path / "f", pickle.dumps({"a": Runs(Path.touch, trace)}, protocol)))
    assert "is more than weights" in said
    assert "Nothing of it was run" in said
    assert protocol >= 4 or "pathlib" in said  # later ones put the name together, and are refused for that
    assert not trace.exists()


@pytest.mark.parametrize(
    "index",
    [
        b"(ios\nsystem\n.",  # INST
        b"(cos\nsystem\nX\x01\x00\x00\x00:o.",  # OBJ
        b"\x80\x02cos\nsystem\n)\x81.",  # NEWOBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",  # STACK_GLOBAL
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02ctorch.nn\nLinear\n)R.",
        b"P0\n.",  # PERSID: a reference by text
    ],
)
def test_every_way_of_making_objects_is_shut(index: bytes, tmp_path: Path) -> None:
    """All instructions that call, import or look something up, but for the few that tensors need."""
    assert "is more than weights" in refused(write(tmp_path / "f", index))


def test_all_that_is_foreign_is_named_at_once(tmp_path: Path) -> None:
    """So that a person sees whether it is an attack or a training script's habit."""
    index = b"\x80\x02(cnumpy\nint64\nctorch.nn\nLinear\nt."
    assert "numpy.int64, torch.nn.Linear" in refused(write(tmp_path / "f", index))


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"\x80\x02}",  # no end
        b"\x80\x02.",  # nothing on the stack
        b"\x80\x02h\x05.",  # from an empty memo
        b"\x80\x02ccollections\nOrderedDict\nK\x05R.",  # arguments that are none
        b"\x80\x02ctorch\nFloatStorage\n)R.",  # a call of what can't be called
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x00K\x00))tR.",  # a tensor without a storage
        b"\x80\x02(X\x05\x00\x00\x00thingK\x00K\x00K\x00K\x00tQ.",  # another reference than to a storage
        WHOLE.replace(b"\x07\x00\x00\x00storage", b"\x06\x00\x00\x00module"),
        b"\x80\x02X\xff\xff\xff\x7fa.",  # a text of two gigabytes
    ],
)
def test_a_broken_index_is_damage(index: bytes, tmp_path: Path) -> None:
    """Whatever the bytes are, the answer is one line that names the file."""
    said = refused(write(tmp_path / "f", index))
    assert "is damaged" in said
    assert str(tmp_path / "f") in said


@pytest.mark.parametrize(
    "index",
    [
        b"\x80\x02ctorch\nFloatStorage\n]X\x07\x00\x00\x00float64ab0}.",  # every later file would be misread
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x0c\x00\x00\x00__defaults__)s\x86b0}.",
        WHOLE.replace(b"}tRs.", b"}tR]X\x01\x00\x00\x00nabs."),  # a tensor of no storage
        WHOLE.replace(b"K\x06tQ", b"K\x06tQ]K\x01ab"),  # a storage whose name is a number
    ],
)
def test_a_pickle_can_not_change_what_is_ours(index: bytes, tmp_path: Path) -> None:
    """The instruction that sets an object's state is for dictionaries' only, so that no file changes another's."""
    assert "is damaged" in refused(write(tmp_path / "f", index))
    write(tmp_path / "next", WHOLE)
    assert TorchFile(tmp_path / "next").tensors["a"] == TensorInfo((2, 3), "float32")


def test_a_number_can_not_order_gigabytes(tmp_path: Path) -> None:
    """The place of a remembered object is a number of the pickle; a table of that size is not made."""
    assert "more objects" in refused(write(tmp_path / "f", b"\x80\x02}r\xff\xff\xff\x7f."))


def test_an_index_without_names_is_refused(tmp_path: Path) -> None:
    """A list of tensors is no state_dict."""
    assert "no named tensors" in refused(write(tmp_path / "f", b"\x80\x02]."))


def test_a_checkpoint_of_a_trainer_is_looked_into(tmp_path: Path) -> None:
    """Some put the weights beside other things, under state_dict."""
    inner = WHOLE[2:-1]
    index = b"\x80\x02}(X\x05\x00\x00\x00epochK\x03X\x0a\x00\x00\x00state_dict" + inner + b"u."
    assert list(TorchFile(write(tmp_path / "f", index)).tensors) == ["a"]


@pytest.mark.parametrize(
    "index",
    [
        tensor(1, b"K\x02K\x03\x86", b"K\x03K\x01\x86"),  # one number beyond
        tensor(0, b"K\x02K\x03\x86", b"K\x04K\x01\x86"),
        tensor(0, b"K\x02K\x03\x86", b"K\x01\x85"),  # strides of another shape
        tensor(0, b"J\xff\xff\xff\xff\x85", b"K\x01\x85"),  # -1 rows
        tensor(5, b"K\x02\x85", b"J\xff\xff\xff\xff\x85"),  # backwards
    ],
)
def test_a_tensor_outside_of_its_storage_is_damage(index: bytes, tmp_path: Path) -> None:
    """What a tensor says of its place is held against the file."""
    assert "a does not lie within its record" in refused(write(tmp_path / "f", index))


def test_missing_short_and_compressed_records(tmp_path: Path) -> None:
    """Numbers that are not there, or not as they must lie to be mapped."""
    assert "numbers of a are missing" in refused(write(tmp_path / "f", WHOLE, {}))
    assert "does not lie within" in refused(write(tmp_path / "f", WHOLE, {"data/0": b"\0" * 20}))
    assert "is compressed" in refused(write(tmp_path / "f", WHOLE, compress=True))
    assert "no index" in refused(write_zip(tmp_path / "f", {"model/data/0": b""}))
    big = {"byteorder": b"big", "data/0": NUMBERS.tobytes()}
    assert "big-endian" in refused(write(tmp_path / "f", WHOLE, big))


def test_nothing_is_unpacked_or_decrypted(tmp_path: Path) -> None:
    """A compressed mark of the byte order could become any size, and an encrypted index asks for a password."""
    bomb = tmp_path / "bomb"
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("model/data.pkl", WHOLE)
        archive.writestr("model/byteorder", bytes(1 << 20), zipfile.ZIP_DEFLATED)
    assert "byteorder is compressed" in refused(bomb)
    locked = bytearray(write(tmp_path / "locked", WHOLE).read_bytes())
    locked[locked.find(b"PK\x01\x02") + 8] |= 1  # the flags of the first entry
    (tmp_path / "locked").write_bytes(locked)
    assert "data.pkl is compressed or encrypted" in refused(tmp_path / "locked")
    broken = write(tmp_path / "broken", WHOLE * 9, compress=True).read_bytes()
    (tmp_path / "broken").write_bytes(broken.replace(broken[50:60], b"\xff" * 10))
    assert "is compressed" in refused(tmp_path / "broken")


def write_zip(path: Path, entries: Mapping[str, bytes]) -> Path:
    """Any zip file."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def test_a_file_that_was_cut_short_is_damage(tmp_path: Path) -> None:
    """A zip file's directory is at its end, so no cut goes unnoticed."""
    write_pytorch(tmp_path / "whole", {"a": NUMBERS})
    data = (tmp_path / "whole").read_bytes()
    for end in range(0, len(data), 7):
        (tmp_path / "cut").write_bytes(data[:end])
        assert "is damaged" in refused(tmp_path / "cut")


def test_old_formats_are_refused_by_name(tmp_path: Path) -> None:
    """Those before torch 1.6, with what to do about it."""
    legacy = tmp_path / "legacy"
    legacy.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps({}, 2))
    archive = tmp_path / "archive"
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("pickle"), io.BytesIO())
    for path in (legacy, archive):
        said = refused(path)
        assert "old format (before 1.6)" in said
        assert "torch.save(torch.load(" in said
