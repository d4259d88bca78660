"""A tiny random GPT-J as a CTranslate2 folder, written by CTranslate2's own specification; and what is right for it."""

from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import common_spec, transformer_spec
from numpy.typing import NDArray

ROWS = 300
END = 299
HEADS, HEAD_DIM = 4, 16


def write_tiny_model(
    path: Path,
    *,
    rows: int = ROWS,
    layers: int = 2,
    heads: int = HEADS,
    head_dim: int = HEAD_DIM,
    quantization: str | None = None,
    attention: float = 1.5,
) -> Path:
    """Write a model whose greedy text varies and whose best logit leads clearly."""
    hidden = heads * head_dim
    generator = np.random.default_rng(7)

    def normal(*shape: int, scale: float, mean: float = 0.0) -> NDArray[np.float32]:
        return generator.standard_normal(shape, np.float32) * np.float32(scale) + np.float32(mean)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = normal(hidden, scale=0.2, mean=1.0), normal(hidden, scale=0.2)

    def linear(layer: Any, out: int, into: int, scale: float, bias: float = 0.0) -> None:
        layer.weight = normal(out, into, scale=scale)
        if bias:
            layer.bias = normal(out, scale=bias)

    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        layers,
        heads,
        activation=common_spec.Activation.GELUTanh,
        rotary_dim=head_dim // 2,
        rotary_interleave=False,
        parallel_residual=True,
        shared_layer_norm=True,
    )
    spec.decoder.scale_embeddings = False
    unit = hidden**-0.5
    spec.decoder.embeddings.weight = normal(rows, hidden, scale=1.0)
    norm(spec.decoder.layer_norm)
    linear(spec.decoder.projection, rows, hidden, 4 * unit, bias=0.5)
    for layer in spec.decoder.layer:
        norm(layer.shared_layer_norm)
        linear(layer.self_attention.linear[0], 3 * hidden, hidden, attention * unit)
        linear(layer.self_attention.linear[1], hidden, hidden, attention * unit)
        linear(layer.ffn.linear_0, 4 * hidden, hidden, unit, bias=0.2)
        linear(layer.ffn.linear_1, hidden, 4 * hidden, unit, bias=0.2)
    spec.register_vocabulary([f"token{number}" for number in range(rows)])
    spec.config.unk_token = spec.config.bos_token = spec.config.eos_token = f"token{rows - 1}"
    spec.validate()
    spec.optimize(quantization=quantization)
    path.mkdir(parents=True)
    spec.save(str(path))
    return path


class Reference:
    """Tokens and log-probabilities by whole forward passes, without any cache."""

    def __init__(self, path: Path) -> None:
        self._generator: Any = ctranslate2.Generator(str(path), device="cpu")

    def logits(self, ids: list[int]) -> NDArray[np.float32]:
        """Logits [rows] of what follows."""
        found: NDArray[np.float32] = np.array(self._generator.forward_batch([ids]))[0, -1]
        return found

    def logprobs(self, ids: list[int]) -> NDArray[np.float64]:
        """Log-probabilities [rows] of what follows."""
        logits = self.logits(ids).astype(np.float64)
        shifted = logits - logits.max()
        return np.asarray(shifted - np.log(np.exp(shifted).sum()))

    def greedy(self, prompt: list[int], count: int) -> list[int]:
        """The most likely tokens, one after another; the end token is the last."""
        ids = list(prompt)
        while len(ids) < len(prompt) + count:
            ids.append(int(self.logits(ids).argmax()))
            if ids[-1] == END:
                break
        return ids[len(prompt) :]

    def close(self) -> None:
        """Free the model."""
        self._generator = None
