"""How much memory of a GPU a CodeGen, or GPT-J, of some shape needs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ComposeError

GIB = 1 << 30
_OVERHEAD = 0.7 * GIB  # CUDA's own context and the engine's work space
_KEPT = 0.5 * GIB  # beginnings of prompts, by our model for the Python backend
_BYTES: Mapping[str, float] = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Of one weight, by the type that they are kept in while serving."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a model decides its size."""

    layers: int
    hidden: int
    heads: int = 16
    inner: int = 0
    """Width of the feed-forward part; 0: four times hidden."""
    rows: int = 51200
    """Of the embedding and the head."""
    positions: int = 2048

    @property
    def shared(self) -> int:
        """Parameters that every GPU holds: embedding, head with its bias, last norm."""
        return 2 * self.rows * self.hidden + self.rows + 2 * self.hidden

    @property
    def divided(self) -> int:
        """Parameters that the GPUs share among each other: attention and feed-forward."""
        inner = self.inner or 4 * self.hidden
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * inner + inner + 3 * self.hidden)

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.shared + self.divided


NAMED: Mapping[str, Shape] = {
    "350M": Shape(layers=20, hidden=1024, heads=16),
    "2B": Shape(layers=32, hidden=2560, heads=32),
    "6B": Shape(layers=33, hidden=4096, heads=16),
    "16B": Shape(layers=34, hidden=6144, heads=24),
}
"""The four sizes in which CodeGen was published."""


def weights_bytes(shape: Shape, kept: str, gpus: int = 1) -> int:
    """Of the weights on one of so many GPUs. ``kept`` is a type, or a pair such as int8_float16."""
    return round((shape.shared + shape.divided / gpus) * _BYTES[kept.partition("_")[0]])


def cache_bytes(shape: Shape, tokens: int, gpus: int = 1) -> int:
    """Of keys and values, in half precision, for so many tokens on one of so many GPUs."""
    return shape.layers * 2 * shape.hidden * 2 * tokens // gpus


def needed_bytes(
    shape: Shape, kept: str, *, gpus: int = 1, sequences: int = 1, beginnings: bool = False
) -> int:
    """Of memory on each GPU for a model with so many whole sequences at once, and perhaps for kept beginnings."""
    states = cache_bytes(shape, shape.positions * sequences, gpus) + beginnings * _KEPT
    return round(weights_bytes(shape, kept, gpus) + states + _OVERHEAD)


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The shape that a checkpoint's config.json tells. Raises ``ComposeError``."""
    try:
        return Shape(
            layers=int(config["n_layer"]),
            hidden=int(config["n_embd"]),
            heads=int(config["n_head"]),
            inner=int(config.get("n_inner") or 0),
            rows=int(config["vocab_size"]),
            positions=int(config.get("n_positions", 2048)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ComposeError(f"its config.json is not CodeGen's or GPT-J's: {error}") from None
