"""A GPT-J decoder as CTranslate2 wants it: which variables there are, and out of which of our tensors each is made.

Source: ``GPTJLoader`` and ``CodeGenLoader`` of ``python/ctranslate2/converters/transformers.py`` and
``TransformerDecoderSpec`` (revision 8) of ``specs/transformer_spec.py``, CTranslate2 4.8. Query, key and value become
one matrix in this order, and the rotary dimensions of each head of query and key change from adjacent pairs to halves.
E is the width, I the inner one, V the rows of the vocabulary.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .architecture import Architecture
from .ct2_format import Variable
from .ct2_numbers import Array, NotFinite, Scheme, as_float, int8_rows
from .problems import ConvertError
from .tensors import Rows

SPECIFICATION = "TransformerDecoderSpec"
REVISION = 8
_BLOCK = 1 << 20  # elements that are in work at once: 4 MB as float32, about what caches hold


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
            variables.append(_array(each, weights.rows(each.source), scheme.rest))
            continue
        source = _Source(each, [weights.rows(name) for name in each.sources], architecture)
        dtype = scheme.matrices or source.dtype
        if dtype == "int8":
            variables.extend(_quantised(source))
        else:
            variables.append(Variable(each.name, dtype, source.shape, _converted(source, dtype)))
    return variables


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a matrix comes from: a block of rows at a time."""

    matrix: Matrix
    parts: Sequence[Rows]
    architecture: Architecture

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> str:
        return self.parts[0].dtype

    def blocks(self) -> Iterator[Array]:
        """[rows, columns] with all rows of a head together."""
        head = self.architecture.head_dim
        order = rotary_order(head, self.architecture.rotary_dim)
        for name, part in zip(self.matrix.sources, self.parts, strict=True):
            columns = part.shape[1]
            rotary = name in self.matrix.rotary
            step = max(1, _BLOCK // columns // head) * head
            for start in range(0, part.shape[0], step):
                block = part.between(start, min(start + step, part.shape[0])).array()
                yield block.reshape(-1, head, columns)[:, order].reshape(-1, columns) if rotary else block


def rotary_order(head_dim: int, rotary_dim: int) -> Array:
    """Which of a head's rows stands where: the even rotary ones, the odd ones, the rest."""
    return np.concatenate(
        [np.arange(0, rotary_dim, 2), np.arange(1, rotary_dim, 2), np.arange(rotary_dim, head_dim)]
    )


def _array(target: Vector, rows: Rows, dtype: str | None) -> Variable:
    kind = dtype or rows.dtype

    def pieces() -> Iterator[memoryview]:
        values = rows.array()
        with _naming(target.source):
            converted = as_float(values, kind)
        yield _bytes(converted)

    return Variable(target.name, kind, rows.shape, pieces)


def _converted(source: _Source, dtype: str) -> Callable[[], Iterator[memoryview]]:
    def pieces() -> Iterator[memoryview]:
        for block in source.blocks():
            with _naming(source.matrix.sources[0]):
                converted = as_float(block, dtype)
            yield _bytes(converted)

    return pieces


def _quantised(source: _Source) -> tuple[Variable, Variable]:
    """The matrix in int8 and its scales, which are known when the matrix has been written: so is the file's order."""
    scales: list[Array] = []

    def matrix() -> Iterator[memoryview]:
        for block in source.blocks():
            with _naming(source.matrix.sources[0]):
                rows, scale = int8_rows(block)
            scales.append(scale)
            yield _bytes(rows)

    name, shape = source.matrix.name, source.shape
    return (
        Variable(name, "int8", shape, matrix),
        Variable(f"{name}_scale", "float32", shape[:1], lambda: (_bytes(scale) for scale in scales)),
    )


@contextmanager
def _naming(tensor: str) -> Iterator[None]:
    try:
        yield
    except NotFinite as error:
        raise ConvertError(f"The checkpoint's {tensor} {error}.") from error


def _bytes(values: Array) -> memoryview:
    return np.ascontiguousarray(values).data.cast("B")
