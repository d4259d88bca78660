"""GGUF files of a few hundred bytes, written by hand so that they can be wrong in every way."""

import struct
from collections.abc import Mapping, Sequence

Value = int | float | bool | str | list[str] | list[int]

VOCABULARY = ["<|endoftext|>", "a", "b", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>"]
MODEL: Mapping[str, Value] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "llama.context_length": 2048,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.rope.freq_base": 10_000.0,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": VOCABULARY,
    "tokenizer.ggml.token_type": [3, 1, 1, 3, 3, 3, 3],
    "tokenizer.ggml.eos_token_id": 0,
    "tokenizer.ggml.add_bos_token": False,
}
F32, Q8_0 = 0, 8


def text(value: str) -> bytes:
    """A string as it is stored."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(item: Value) -> bytes:
    """A typed value as it is stored."""
    match item:
        case bool():
            return struct.pack("<I?", 7, item)
        case int():
            return struct.pack("<II", 4, item)
        case float():
            return struct.pack("<If", 6, item)
        case str():
            return struct.pack("<I", 8) + text(item)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(item)) + b"".join(text(str(each)) for each in item)
        case _:
            return struct.pack("<IIQ", 9, 5, len(item)) + b"".join(struct.pack("<i", each) for each in item)


def tensor(name: str, shape: Sequence[int], kind: int, offset: int) -> bytes:
    """What the header says of a tensor."""
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)


def gguf(values: Mapping[str, Value] = MODEL, *, version: int = 3, data: int = 128) -> bytes:
    """A file with one tensor of 4 by 8 floats, whose ``data`` bytes follow the header."""
    head = b"GGUF" + struct.pack("<IQQ", version, 1, len(values))
    head += b"".join(text(key) + value(item) for key, item in values.items())
    head += tensor("token_embd.weight", (4, 8), F32, 0)
    return head + bytes(-len(head) % 32) + bytes(data)
