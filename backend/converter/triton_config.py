"""What FasterTransformer reads: ``config.pbtxt`` for Triton and ``config.ini`` beside the weights. Pure.

FasterTransformer's backend 1.1, which is FauxPilot's, takes a model's sizes from the parameters of ``config.pbtxt``;
from 1.2 on it takes them from the section ``[gptj]`` of ``config.ini``. Source: ``libfastertransformer.cc`` and
``GptJTritonModel.cc``, both at both versions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .layout import weights_folder
from .signature import MODEL_NAME, OUTPUTS, input_text, inputs, output_text, parameter_text

MOUNT = "/model"
"""Where FauxPilot's compose file mounts a repository."""
MOST_ROWS = 1024
COMPUTE = "fp16"
"""Type that FasterTransformer computes in, whatever type the files have."""


@dataclass(frozen=True, slots=True)
class FasterTransformerConfig:
    """What the configurations say of one model."""

    name: str = "codegen"
    """The model's own name; nothing but logs shows it."""
    layers: int = 0
    heads: int = 0
    head_dim: int = 0
    inter: int = 0
    rotary_dim: int = 0
    positions: int = 2048
    """Tokens that a prompt and its completion may have together."""
    rows: int = 51200
    """Of the vocabulary, as the files have them."""
    end_id: int = 50256
    """Ends a text, and begins one where the prompt is empty."""
    gpus: int = 1
    dtype: str = "fp32"
    """Of the files' numbers."""
    mount: str = MOUNT
    """The repository's folder as the server sees it."""


def model_config(config: FasterTransformerConfig, *, modern: bool, decoupled: bool = False) -> str:
    """The text of a ``config.pbtxt``: for backend 1.1, or ``modern``, for 1.2 and newer; only those can be decoupled.

    They differ in the seed's type, so that a client finds out before it sends one that is misread.

    An instance of Triton's CPU kind is right: FasterTransformer shares itself out over the GPUs.
    """
    lines = [f'name: "{MODEL_NAME}"', f'backend: "{MODEL_NAME}"']
    lines += [f'default_model_filename: "{weights_folder(config.gpus)}"', f"max_batch_size: {MOST_ROWS}", ""]
    if decoupled:
        lines += ["model_transaction_policy { decoupled: true }", ""]
    lines += [input_text(tensor) for tensor in inputs(wide_seed=modern)]
    lines += [output_text(tensor) for tensor in OUTPUTS]
    lines += ["", "instance_group { count: 1 kind: KIND_CPU }", ""]
    found = _parameters(config)
    return "\n".join([*lines, *(parameter_text(key, value) for key, value in found.items()), ""])


def ini_text(config: FasterTransformerConfig) -> str:
    """The text of ``config.ini``. A key that backend 1.2 or newer misses ends its process."""
    found = {
        "model_name": _safe(config.name),
        "head_num": config.heads,
        "size_per_head": config.head_dim,
        "inter_size": config.inter,
        "num_layer": config.layers,
        "rotary_embedding": config.rotary_dim,
        "vocab_size": config.rows,
        "start_id": config.end_id,
        "end_id": config.end_id,
        "weight_data_type": config.dtype,
    }
    return "\n".join(["[gptj]", *(f"{key}={value}" for key, value in found.items()), ""])


def _parameters(config: FasterTransformerConfig) -> Mapping[str, str]:
    """All for backend 1.1, which takes a missing number for 0 and goes on; the first ones for newer.

    What clients ask the server for is among them: max_seq_len, vocab_size, end_id.
    """
    folder = f"{config.mount.rstrip('/')}/{MODEL_NAME}/1/{weights_folder(config.gpus)}"
    return {
        "tensor_para_size": str(config.gpus),
        "pipeline_para_size": "1",
        "data_type": COMPUTE,
        "model_type": "GPT-J",
        "model_checkpoint_path": folder,
        "enable_custom_all_reduce": "0",
        "is_half": str(int(COMPUTE == "fp16")),
        "model_name": _safe(config.name),
        "head_num": str(config.heads),
        "size_per_head": str(config.head_dim),
        "inter_size": str(config.inter),
        "decoder_layers": str(config.layers),
        "rotary_embedding": str(config.rotary_dim),
        "max_seq_len": str(config.positions),
        "vocab_size": str(config.rows),
        "start_id": str(config.end_id),
        "end_id": str(config.end_id),
    }


def _safe(name: str) -> str:
    """A name without what ends a line, begins a comment or is a path."""
    return re.sub(r"[^\w.+-]+", "-", name) or "model"
