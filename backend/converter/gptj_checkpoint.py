"""Writes a model as a GPT-J in Hugging Face's layout: for vLLM, for transformers, and for whatever else knows GPT-J.

One safetensors file in the checkpoint's own types; only names and the order of rows change.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from .architecture import Architecture
from .mapping import GptjWeights, hf_name
from .staging import Stage
from .targets import Written
from .tensors import ITEM_BYTES, Rows

_CODES: Mapping[str, str] = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_BLOCK_BYTES = 4 << 20
_ALIGNMENT = 8


def planned_bytes(weights: GptjWeights) -> int:
    """Bytes of the tensors."""
    return sum(_size(weights.rows(name)) for name in weights.names())


def write(weights: GptjWeights, architecture: Architecture, stage: Stage) -> Written:
    """Write all but the tokenizer's files and the manifest."""
    dtype = weights.dtype("wte.weight")
    stage.write_text("config.json", json.dumps(_config(architecture, dtype), indent=2) + "\n")
    with stage.open("model.safetensors") as file:
        file.write(_header(weights))
        for name in weights.names():
            for block in _blocks(weights.rows(name)):
                file.write(block)
    return Written(rows=architecture.rows, dtype=dtype)


def _header(weights: GptjWeights) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name in weights.names():
        rows = weights.rows(name)
        header[hf_name(name)] = {
            "dtype": _CODES[rows.dtype],
            "shape": list(rows.shape),
            "data_offsets": [at, at + _size(rows)],
        }
        at += _size(rows)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return struct.pack("<Q", len(text)) + text


def _blocks(rows: Rows) -> Iterator[memoryview]:
    import numpy as np

    for piece in rows.pieces:
        count = max(1, _BLOCK_BYTES // (piece.itemsize * prod(piece.shape[1:])))
        for start in range(0, len(piece), count):
            block = np.ascontiguousarray(piece[start : start + count])
            yield block.reshape(-1).view(np.uint8).data


def _size(rows: Rows) -> int:
    return sum(piece.size for piece in rows.pieces) * ITEM_BYTES[rows.dtype]


def _config(architecture: Architecture, dtype: str) -> dict[str, Any]:
    """``config.json``, as transformers' ``GPTJConfig`` reads it."""
    return {
        "architectures": ["GPTJForCausalLM"],
        "model_type": "gptj",
        "torch_dtype": dtype,
        "n_layer": architecture.layers,
        "n_head": architecture.heads,
        "n_embd": architecture.hidden,
        "n_inner": architecture.inter,
        "n_positions": architecture.positions,
        "rotary_dim": architecture.rotary_dim,
        "vocab_size": architecture.rows,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": architecture.eps,
        "bos_token_id": architecture.bos,
        "eos_token_id": architecture.eos,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "tie_word_embeddings": False,
        "use_cache": True,
    }
