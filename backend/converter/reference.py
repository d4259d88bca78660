"""A GPT-J decoder in numpy to compare with: short, slow, in float32, the same for every layout of the weights.

The forward pass as transformers' ``models/gptj/modeling_gptj.py`` and ``models/codegen/modeling_codegen.py`` have it:
one LayerNorm for each block, attention and MLP in parallel, rotary positions over adjacent pairs of the first
dimensions of each head. Where the weights come from is behind ``Weights``; ``reference_weights.py`` has those of
Hugging Face's and of FasterTransformer's files. A matrix is read when it is applied, so no more than one is in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

FT_EPS = 1e-6
"""What FasterTransformer's kernels add to the variance, whatever the model says."""
_ROTARY_BASE = 10000.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the forward pass must know beside the weights."""

    layers: int = 0
    heads: int = 0
    head_dim: int = 0
    rotary_dim: int = 0
    rows: int = 0
    """Entries of the vocabulary, with those that pad it."""
    eps: float = 1e-5


class Weights(Protocol):
    """A model's tensors by GPT-J's names without ``transformer.``: ``h.0.attn.q_proj``."""

    @property
    def sizes(self) -> Sizes:
        """Of the model."""
        ...

    def embed(self, ids: Sequence[int]) -> "Array":
        """[n, E]."""
        ...

    def vector(self, name: str) -> "Array":
        """[n]: a bias or a part of a LayerNorm, by its full name: ``h.0.ln_1.weight``."""
        ...

    def apply(self, name: str, x: "Array") -> "Array":
        """[…, in] to […, out]: the product with a matrix, without its bias."""
        ...


def logits(
    weights: Weights, ids: Sequence[int], eps: Sequence[float] = (), *, last: int | None = None
) -> "Array":
    """Logits [k, n, V] for each of k LayerNorm constants (the model's own if none is given) and each of n ids.

    All constants go through the model together, so every weight is read once. ``last``: for so many of the ids only.
    """
    import numpy as np

    sizes = weights.sizes
    tiny = np.array(eps or (sizes.eps,), np.float32)[:, None, None]
    turns = _turns(len(ids), sizes)
    x = np.broadcast_to(weights.embed(ids), (len(tiny), len(ids), sizes.heads * sizes.head_dim))
    for layer in range(sizes.layers):
        at = f"h.{layer}."
        y = _normed(weights, f"{at}ln_1", x, tiny)
        inner = _gelu(weights.apply(f"{at}mlp.fc_in", y) + weights.vector(f"{at}mlp.fc_in.bias"))
        outer = weights.apply(f"{at}mlp.fc_out", inner) + weights.vector(f"{at}mlp.fc_out.bias")
        x = x + _attention(weights, f"{at}attn.", y, turns) + outer
    x = _normed(weights, "ln_f", x[:, -(last or len(ids)) :], tiny)
    return weights.apply("lm_head", x) + weights.vector("lm_head.bias")


def _normed(weights: Weights, name: str, x: "Array", eps: "Array") -> "Array":
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).mean(-1, keepdims=True)
    result: Array = centred / (variance + eps) ** 0.5 * weights.vector(f"{name}.weight")
    return result + weights.vector(f"{name}.bias")


def _gelu(x: "Array") -> "Array":
    """The tanh approximation, which transformers calls gelu_new."""
    import numpy as np

    result: Array = 0.5 * x * (1 + np.tanh(np.float32((2 / np.pi) ** 0.5) * (x + 0.044715 * x * x * x)))
    return result


def _turns(count: int, sizes: Sizes) -> tuple["Array", "Array"]:
    """Sine and cosine [n, rotary_dim / 2] for each position and pair."""
    import numpy as np

    rates = 1 / _ROTARY_BASE ** (np.arange(0, sizes.rotary_dim, 2, dtype=np.float32) / sizes.rotary_dim)
    angles = np.arange(count, dtype=np.float32)[:, None] * rates
    return np.sin(angles), np.cos(angles)


def _rotated(x: "Array", turns: tuple["Array", "Array"]) -> "Array":
    """[k, heads, n, head_dim] with the first dimensions of each head turned by their position."""
    sine, cosine = turns
    width = 2 * sine.shape[-1]
    even, odd = x[..., 0:width:2], x[..., 1:width:2]
    result: Array = x.copy()
    result[..., 0:width:2] = even * cosine - odd * sine
    result[..., 1:width:2] = odd * cosine + even * sine
    return result


def _attention(weights: Weights, at: str, y: "Array", turns: tuple["Array", "Array"]) -> "Array":
    import numpy as np

    sizes = weights.sizes

    def heads(name: str) -> "Array":
        product = weights.apply(f"{at}{name}_proj", y)
        result: Array = product.reshape(*y.shape[:2], sizes.heads, sizes.head_dim).swapaxes(1, 2)
        return result

    query, key, value = _rotated(heads("q"), turns), _rotated(heads("k"), turns), heads("v")
    scores = query @ key.swapaxes(-1, -2) / np.float32(sizes.head_dim**0.5)  # [k, heads, n, n]
    scores = np.where(np.tri(y.shape[1], dtype=np.bool_), scores, np.float32(-np.inf))
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (scores / scores.sum(-1, keepdims=True)) @ value
    return weights.apply(f"{at}out_proj", mixed.swapaxes(1, 2).reshape(y.shape))
