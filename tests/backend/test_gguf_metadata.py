"""What a GGUF says about itself is read right, and whatever is wrong with it is told."""

import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.tiny_gguf import MODEL, VOCABULARY, gguf, text
from pilotfish.backend.models.errors import BadModelFileError
from pilotfish.backend.models.fim_tokens import KNOWN_TOKENS
from pilotfish.backend.models.gguf_metadata import read_metadata


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    """Names, sizes, tokens, and what the KV cache takes."""
    metadata = read_metadata(written(tmp_path / "tiny.gguf", gguf()), wanted={"b", "<|fim_middle|>", "zebra"})
    assert (metadata.architecture, metadata.name) == ("llama", "Tiny")
    assert (metadata.context_length, metadata.vocab_size) == (2048, len(VOCABULARY))
    assert metadata.token_ids == {"b": 2, "<|fim_middle|>": 5}
    assert metadata.token("eos") == 0
    assert metadata.token("bos") is None
    assert metadata.kv_bytes_per_token == 2 * 2 * 2 * (16 + 16)
    assert metadata.values["tokenizer.ggml.add_bos_token"] is False


@pytest.mark.parametrize("wrong", [len(VOCABULARY), 2**32 - 1, True, "3"])
def test_token_ids_out_of_range_are_no_tokens(tmp_path: Path, wrong: int | str) -> None:
    """An id that the vocabulary does not have would make the engine fail later."""
    data = gguf({**MODEL, "tokenizer.ggml.eos_token_id": wrong})
    assert read_metadata(written(tmp_path / "x.gguf", data)).token("eos") is None


HEAD = b"GGUF" + struct.pack("<I", 3)
HOSTILE = {
    "empty": b"",
    "other": b"PK\x03\x04 something else",
    "magic only": b"GGUF",
    "version": gguf(version=99),
    "big endian": b"GGUF" + struct.pack(">IQQ", 3, 1, 1),
    "no architecture": gguf({"general.name": "x"}),
    "too many keys": HEAD + struct.pack("<QQ", 0, 2**40),
    "too many tensors": HEAD + struct.pack("<QQ", 2**60, 0),
    "endless key": HEAD + struct.pack("<QQ", 0, 1) + struct.pack("<Q", 2**62),
    "endless text": HEAD + struct.pack("<QQ", 0, 1) + text("k") + struct.pack("<IQ", 8, 2**40),
    "endless list": HEAD + struct.pack("<QQ", 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 2**61),
    "endless numbers": HEAD + struct.pack("<QQ", 0, 1) + text("k") + struct.pack("<IIQ", 9, 4, 2**62),
    "list of lists": HEAD + struct.pack("<QQ", 0, 1) + text("k") + struct.pack("<IIQ", 9, 9, 1) + bytes(64),
    "unknown type": HEAD + struct.pack("<QQ", 0, 1) + text("k") + struct.pack("<I", 77) + bytes(64),
    "key is no text": HEAD + struct.pack("<QQQ", 0, 1, 2) + b"\xff\xfe" + bytes(64),
    "alignment 0": gguf({**MODEL, "general.alignment": 0}),
    "alignment text": gguf({**MODEL, "general.alignment": "x"}),
    "five dimensions": HEAD
    + struct.pack("<QQ", 1, 0)
    + text("t")
    + struct.pack("<I5Q", 5, *[1] * 5)
    + bytes(64),
    "tensor beyond the end": gguf(data=100),
    "cut header": gguf()[:200],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_told(kind: str, tmp_path: Path) -> None:
    """Each gives an error that names the file, at once and without taking memory."""
    path = written(tmp_path / "bad.gguf", HOSTILE[kind])
    started = time.monotonic()
    with pytest.raises(BadModelFileError, match=r"bad\.gguf"):
        read_metadata(path)
    assert time.monotonic() - started < 2


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """A directory, and nothing at all."""
    for path in (tmp_path, tmp_path / "missing.gguf"):
        with pytest.raises(BadModelFileError, match=path.name):
            read_metadata(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.integers(0, len(gguf()) - 9), change=st.binary(min_size=1, max_size=8), cut=st.integers(0, 600)
)
def test_no_damage_escapes(tmp_path: Path, place: int, change: bytes, cut: int) -> None:
    """Whatever bytes are changed and wherever it ends: a description or our error, nothing else."""
    data = bytearray(gguf())
    data[place : place + len(change)] = change
    path = written(tmp_path / "fuzzed.gguf", bytes(data[: len(data) - cut]))
    try:
        metadata = read_metadata(path, wanted=KNOWN_TOKENS)
    except BadModelFileError:
        return
    assert metadata.kv_bytes_per_token >= 0
    assert metadata.vocab_size >= 0
