"""Tiny random CodeGen and GPT-J checkpoints in Hugging Face's layout, with the real tokenizer.

The same seed gives the same model whatever its family, its order of q, v and k, its number of files and its format;
fewer rows are the first rows of more. The weights are scaled so that every layer matters, greedy text does not
repeat itself, and the best logit leads the next by about a quarter of the logits' spread.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.codegen_tokenizer import CODEGEN_SIZE, END_ID, codegen_tokenizer_json, write_tokenizer

__all__ = ["TinyShape", "codegen_tokenizer_json", "tiny_config", "tiny_tensors", "write_codegen"]

Array = NDArray[Any]
Family = Literal["codegen", "gptj"]
Format = Literal["safetensors", "pytorch"]
UNUSED_BIAS = -20.0
"""Bias of the rows behind the tokenizer's last entry: a trained model never says them."""


@dataclass(frozen=True, slots=True)
class TinyShape:
    """The sizes of a model."""

    rows: int = 51200
    layers: int = 2
    heads: int = 4
    head_dim: int = 16
    rotary_dim: int = 8
    positions: int = 2048

    @property
    def hidden(self) -> int:
        """Width of the model."""
        return self.heads * self.head_dim


def _logical(shape: TinyShape, seed: int) -> dict[str, Array]:
    """GPT-J's tensors by their canonical names, fp32, weights as [out, in]."""
    rows, hidden, inter = shape.rows, shape.hidden, 4 * shape.hidden
    unit = hidden**-0.5

    def normal(name: str, *size: int, scale: float, mean: float = 0.0) -> Array:
        # A generator for each tensor, so that one does not depend on the sizes of those before it.
        generator = np.random.default_rng([seed, *name.encode()])
        return generator.standard_normal(size, np.float32) * np.float32(scale) + np.float32(mean)

    tensors = {
        "transformer.wte.weight": normal("wte", rows, hidden, scale=1.0),
        "lm_head.weight": normal("head", rows, hidden, scale=4 * unit),
        "lm_head.bias": normal("bias", rows, scale=0.5),
        "transformer.ln_f.weight": normal("ln_f.w", hidden, scale=0.2, mean=1.0),
        "transformer.ln_f.bias": normal("ln_f.b", hidden, scale=0.2),
    }
    tensors["lm_head.bias"][CODEGEN_SIZE:] = UNUSED_BIAS
    scales = {
        "ln_1.weight": ((hidden,), 0.2, 1.0),
        "ln_1.bias": ((hidden,), 0.2, 0.0),
        "attn.q_proj.weight": ((hidden, hidden), 1.5 * unit, 0.0),
        "attn.k_proj.weight": ((hidden, hidden), 1.5 * unit, 0.0),
        "attn.v_proj.weight": ((hidden, hidden), 1.5 * unit, 0.0),
        "attn.out_proj.weight": ((hidden, hidden), 1.5 * unit, 0.0),
        "mlp.fc_in.weight": ((inter, hidden), unit, 0.0),
        "mlp.fc_in.bias": ((inter,), 0.2, 0.0),
        "mlp.fc_out.weight": ((hidden, inter), unit, 0.0),
        "mlp.fc_out.bias": ((hidden,), 0.2, 0.0),
    }
    for layer in range(shape.layers):
        for name, (size, scale, mean) in scales.items():
            full = f"transformer.h.{layer}.{name}"
            tensors[full] = normal(full, *size, scale=scale, mean=mean)
    return tensors


def fuse_qkv(query: Array, value: Array, key: Array, mp: int) -> Array:
    """CodeGen's qkv_proj.weight [3E, E]: mp shards, each with its part of query, value and key, in this order."""
    hidden = query.shape[-1]
    parts = [each.reshape(mp, 1, hidden // mp, hidden) for each in (query, value, key)]
    return np.concatenate(parts, axis=1).reshape(3 * hidden, hidden)


def tiny_tensors(
    shape: TinyShape, *, seed: int = 0, mp: int = 4, family: Family = "codegen", masks: bool = False
) -> dict[str, Array]:
    """Every tensor of a checkpoint by its name there, in fp32; ``masks`` adds the buffers of old checkpoints."""
    tensors = _logical(shape, seed)
    for layer in range(shape.layers):
        attention = f"transformer.h.{layer}.attn."
        if family == "codegen":
            query, value, key = (tensors.pop(f"{attention}{each}_proj.weight") for each in "qvk")
            tensors[f"{attention}qkv_proj.weight"] = fuse_qkv(query, value, key, mp)
        if masks:
            mask = np.tril(np.ones((1, 1, shape.positions, shape.positions), np.bool_))
            tensors[attention + ("causal_mask" if family == "codegen" else "bias")] = mask
    return tensors


def tiny_config(
    shape: TinyShape, *, family: Family = "codegen", dtype: str = "float32", codegen2: bool = False
) -> dict[str, Any]:
    """config.json; a CodeGen2 tells its head_dim there, which is how the sizes with eight shards are known."""
    names = {"codegen": "CodeGenForCausalLM", "gptj": "GPTJForCausalLM"}
    config = {
        "activation_function": "gelu_new",
        "architectures": [names[family]],
        "attn_pdrop": 0.0,
        "bos_token_id": 1 if family == "codegen" else END_ID,
        "embd_pdrop": 0.0,
        "eos_token_id": END_ID,
        "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05,
        "model_type": family,
        "n_embd": shape.hidden,
        "n_head": shape.heads,
        "n_inner": None,
        "n_layer": shape.layers,
        "n_positions": shape.positions,
        "resid_pdrop": 0.0,
        "rotary_dim": shape.rotary_dim,
        "tie_word_embeddings": False,
        "torch_dtype": dtype,
        "vocab_size": shape.rows,
    }
    return config | ({"head_dim": shape.head_dim} if codegen2 else {})


def write_codegen(
    folder: Path,
    *,
    rows: int = 51200,
    layers: int = 2,
    heads: int = 4,
    head_dim: int = 16,
    rotary_dim: int = 8,
    positions: int = 2048,
    seed: int = 0,
    shards: int = 1,
    dtype: str = "float32",
    mp: int = 4,
    family: Family = "codegen",
    codegen2: bool = False,
    format: Format = "safetensors",  # noqa: A002 - the word that the files' own documentation uses
    masks: bool = False,
    tokenizer: bool = True,
) -> Path:
    """Write a checkpoint into a new folder: config.json, the weights and the tokenizer's files.

    ``dtype`` is float32, float16 or bfloat16; ``heads`` must be divisible by ``mp``. Fewer rows than CodeGen's 50,295
    entries bring GPT-2's tokenizer.
    """
    from harness.checkpoint_files import write_weights

    shape = TinyShape(rows, layers, heads, head_dim, rotary_dim, positions)
    folder.mkdir(parents=True)
    config = tiny_config(shape, family=family, dtype=dtype, codegen2=codegen2)
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    tensors: Mapping[str, Array] = tiny_tensors(shape, seed=seed, mp=mp, family=family, masks=masks)
    write_weights(folder, tensors, dtype=dtype, shards=shards, format=format)
    if tokenizer:
        write_tokenizer(folder, runs=rows >= CODEGEN_SIZE)
    return folder
