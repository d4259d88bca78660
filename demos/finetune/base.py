"""The demonstration's base: a small CodeGen that knows some public code, and nothing of the library."""

import json
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.checkpoint_files import write_weights
from harness.codegen_tokenizer import write_tokenizer
from harness.tiny_codegen import TinyShape, tiny_config, tiny_tensors

PUBLIC = ("concurrent", "http", "json", "logging", "asyncio", "email")
"""Packages of Python's standard library: code that every environment has."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the model; rows of the embedding as every CodeGen has them."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    rows: int = 51200


def write_random(folder: Path, shape: Shape, seed: int) -> None:
    """Write a checkpoint that knows nothing, initialised as transformers does it."""
    size = shape.width // shape.heads
    tiny = TinyShape(shape.rows, shape.layers, shape.heads, size, size // 2)
    # A CodeGen of a usual size has 0.02, which in a narrow one lets nothing through at first.
    scale = float(shape.width**-0.5)
    dice = np.random.default_rng(seed)
    tensors = {}
    for name, tensor in tiny_tensors(tiny).items():
        if name.endswith("bias"):
            tensors[name] = np.zeros_like(tensor)
        elif ".ln_" in name:
            tensors[name] = np.ones_like(tensor)
        else:
            tensors[name] = dice.standard_normal(tensor.shape, np.float32) * np.float32(scale)
    folder.mkdir(parents=True)
    config = tiny_config(tiny) | {"initializer_range": scale}
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    write_weights(folder, tensors, dtype="float32", shards=1, format="safetensors")
    write_tokenizer(folder)


def public_sources() -> list[Path]:
    """Folders of public code."""
    library = Path(sysconfig.get_path("stdlib"))
    return [library / package for package in PUBLIC]


def texts_of(data: Path) -> Iterator[str]:
    """The texts of a data set, those of both its parts."""
    for part in ("train.jsonl", "validation.jsonl"):
        if (data / part).exists():
            for line in (data / part).read_text("utf-8").splitlines():
                yield json.loads(line)["text"]
