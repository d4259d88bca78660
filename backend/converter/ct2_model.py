"""A GPT-J decoder as CTranslate2 wants it: which variables there are, and out of which of our tensors each is made.

Source: ``GPTJLoader`` and ``CodeGenLoader`` of ``python/ctranslate2/converters/transformers.py`` and
``TransformerDecoderSpec`` (revision 8) of ``specs/transformer_spec.py``, CTranslate2 4.8. Query, key and value become
one matrix in this order, and the rotary dimensions of each head of query and key change from adjacent pairs to halves.
E is the width, I the inner one, V the rows of the vocabulary.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .architecture import Architecture
from .ct2_blocks import Heap, Part
from .ct2_format import Variable
from .ct2_numbers import Array, Scheme, as_float, int8_rows
from .tensors import Rows

SPECIFICATION = "TransformerDecoderSpec"
REVISION = 8


class Weights(Protocol):
    """A checkpoint's tensors by GPT-J's names without ``transformer.``, weights as [out, in]."""

    def rows(self, name: str) -> Rows:
        """One tensor, as views of the files."""
        ...


@dataclass(frozen=True, slots=True)
class Vector:
    """A bias or a layer norm's vector."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Matrices, one above the other, that may be quantised."""

    name: str
    sources: tuple[str, ...]
    rotary: tuple[str, ...] = ()
    """Those of the sources whose rows are heads with rotary dimensions."""


Stored = Vector | Matrix

MODEL: tuple[Stored, ...] = (
    Matrix("decoder/embeddings/weight", ("wte.weight",)),  # [V, E]
    Vector("decoder/layer_norm/gamma", "ln_f.weight"),  # [E]
    Vector("decoder/layer_norm/beta", "ln_f.bias"),  # [E]
    Matrix("decoder/projection/weight", ("lm_head.weight",)),  # [V, E]
    Vector("decoder/projection/bias", "lm_head.bias"),  # [V]
)
LAYER: tuple[Stored, ...] = (
    Vector("shared_layer_norm/gamma", "ln_1.weight"),  # [E]
    Vector("shared_layer_norm/beta", "ln_1.bias"),  # [E]
    Matrix(
        "self_attention/linear_0/weight",  # [3E, E]
        ("attn.q_proj.weight", "attn.k_proj.weight", "attn.v_proj.weight"),
        rotary=("attn.q_proj.weight", "attn.k_proj.weight"),
    ),
    Matrix("self_attention/linear_1/weight", ("attn.out_proj.weight",)),  # [E, E]
    Matrix("ffn/linear_0/weight", ("mlp.fc_in.weight",)),  # [I, E]
    Vector("ffn/linear_0/bias", "mlp.fc_in.bias"),  # [I]
    Matrix("ffn/linear_1/weight", ("mlp.fc_out.weight",)),  # [E, I]
    Vector("ffn/linear_1/bias", "mlp.fc_out.bias"),  # [E]
)

_GELU_TANH = 1  # of ops/activation.h: what transformers calls gelu_new


def settings(architecture: Architecture) -> Iterator[Variable]:
    """The scalars by which the reader knows the architecture."""
    yield from (
        _scalar("decoder/activation", np.int8(_GELU_TANH)),
        _scalar("decoder/alibi", np.int8(0)),
        _scalar("decoder/alibi_use_positive_positions", np.int8(0)),
        _scalar("decoder/alignment_heads", np.int16(1)),
        _scalar("decoder/alignment_layer", np.int16(-1)),
        _scalar("decoder/num_heads", np.int16(architecture.heads)),
        _scalar("decoder/pre_norm", np.int8(1)),
        _scalar("decoder/scale_alibi", np.int8(0)),
        _scalar("decoder/scale_embeddings", np.int8(0)),
        _scalar("decoder/start_from_zero_embedding", np.int8(0)),
    )
    for layer in range(architecture.layers):
        attention = f"decoder/layer_{layer}/self_attention"
        yield _scalar(f"{attention}/rotary_base", np.float32(10000))
        yield _scalar(f"{attention}/rotary_dim", np.int32(architecture.rotary_dim))
        yield _scalar(f"{attention}/rotary_interleave", np.int8(0))


def _scalar(name: str, value: np.generic) -> Variable:
    return Variable(name, value.dtype.name, (), lambda: (value.tobytes(),))


def stored(layers: int) -> Iterator[Stored]:
    """Every array of a model of this many layers, by its full names."""
    yield from MODEL
    for layer in range(layers):
        target, source = f"decoder/layer_{layer}/", f"h.{layer}."
        for each in LAYER:
            if isinstance(each, Vector):
                yield Vector(target + each.name, source + each.source)
            else:
                yield Matrix(
                    target + each.name,
                    tuple(source + name for name in each.sources),
                    tuple(source + name for name in each.rotary),
                )


def decoder_variables(
    architecture: Architecture,
    weights: Weights,
    scheme: Scheme,
    skip: Iterable[str] = (),
) -> list[Variable]:
    """What ``ct2_format.model_file`` writes; nothing is read before it asks.

    ``skip`` names the variables that are aliases of others. While writing, ``ConvertError`` names a tensor with
    numbers that the scheme can't hold.
    """
    skipped = frozenset(skip)
    variables = list(settings(architecture))
    for each in stored(architecture.layers):
        if each.name in skipped:
            continue
        if isinstance(each, Vector):
            rows = weights.rows(each.source)
            variables.append(_floating(each.name, Heap((Part(each.source, rows),)), scheme.rest))
            continue
        parts = (Part(name, weights.rows(name), name in each.rotary) for name in each.sources)
        heap = Heap(tuple(parts), architecture.head_dim, architecture.rotary_dim)
        if scheme.matrices == "int8":
            variables.extend(_quantised(each.name, heap))
        else:
            variables.append(_floating(each.name, heap, scheme.matrices))
    return variables


def _floating(name: str, heap: Heap, dtype: str | None) -> Variable:
    kind = dtype or heap.dtype
    return Variable(
        name, kind, heap.shape, lambda: map(_bytes, heap.blocks(lambda block: as_float(block, kind)))
    )


def _quantised(name: str, heap: Heap) -> tuple[Variable, Variable]:
    """The matrix in int8 and its scales, which are known when the matrix has been written: so is the file's order."""
    scales: list[Array] = []

    def matrix() -> Iterator[memoryview]:
        for rows, scale in heap.blocks(int8_rows):
            scales.append(scale)
            yield _bytes(rows)

    return (
        Variable(name, "int8", heap.shape, matrix),
        Variable(f"{name}_scale", "float32", heap.shape[:1], lambda: map(_bytes, scales)),
    )


def _bytes(values: Array) -> memoryview:
    return np.ascontiguousarray(values).data.cast("B")
