"""Weights for ``reference.py``: as Hugging Face stores a CodeGen or a GPT-J, and as FasterTransformer's ranks do.

Each is read straight from the definition of its own layout and not through the converter's tables: a mistake in those
would else be on both sides of the comparison. E is the width, I the inner one, V the rows, N the ranks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .architecture import Architecture
from .problems import ConvertError
from .reference import Sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_PARTS = {"q_proj": 0, "v_proj": 1, "k_proj": 2}
"""The order within each shard of CodeGen's qkv_proj (``modeling_codegen.py``: query, value, key)."""
_THIRDS = {"q_proj": 0, "k_proj": 1, "v_proj": 2}
"""The order within FasterTransformer's query_key_value."""


def sizes_of(architecture: Architecture, rows: int = 0) -> Sizes:
    """What the forward pass must know of a model; ``rows`` if the vocabulary was padded."""
    return Sizes(
        layers=architecture.layers,
        heads=architecture.heads,
        head_dim=architecture.head_dim,
        rotary_dim=architecture.rotary_dim,
        rows=rows or architecture.rows,
        eps=architecture.eps,
    )


def checkpoint_weights(checkpoint: "Tensors", architecture: Architecture) -> "HuggingFaceWeights":
    """The weights of an open checkpoint."""
    mp = architecture.mp if architecture.family == "codegen" else 0
    return HuggingFaceWeights(checkpoint, sizes_of(architecture), mp)


class Tensors(Protocol):
    """A checkpoint."""

    def read(self, name: str) -> "Array":
        """A tensor in its own shape and type, by its full name there."""
        ...


@dataclass(frozen=True, slots=True)
class HuggingFaceWeights:
    """A checkpoint in Hugging Face's layout: matrices are [out, in]."""

    tensors: Tensors
    sizes: Sizes
    mp: int = 0
    """Shards that CodeGen's q, v and k are interleaved in; 0 for GPT-J, where they are apart."""

    def embed(self, ids: Sequence[int]) -> "Array":
        """[n, E]."""
        return _float(self.tensors.read("transformer.wte.weight")[list(ids)])

    def vector(self, name: str) -> "Array":
        """[n]: a bias or a part of a LayerNorm."""
        return _float(self.tensors.read(_full(name)))

    def apply(self, name: str, x: "Array") -> "Array":
        """[…, in] to […, out]: the product with a matrix."""
        before, _, last = name.rpartition(".")
        if self.mp and last in _PARTS:
            fused = self.tensors.read(_full(f"{before}.qkv_proj.weight"))  # [3E, E]
            width = fused.shape[-1]
            part = fused.reshape(self.mp, 3, width // self.mp, width)[:, _PARTS[last]]
            matrix = part.reshape(width, width)
        else:
            matrix = self.tensors.read(_full(f"{name}.weight"))
        result: Array = x @ _float(matrix).T
        return result


@dataclass(frozen=True, slots=True)
class FasterTransformerWeights:
    """A folder of FasterTransformer's files, applied as its ranks do it: each its part, then joined or summed.

    As in its loader (``memory_utils.cu``) the configuration says how many numbers are read from the beginning of a
    file; unlike there, a file that holds fewer raises ``ConvertError``.
    """

    folder: Path
    sizes: Sizes
    inter: int
    ranks: int = 1
    dtype: str = "float32"

    def embed(self, ids: Sequence[int]) -> "Array":
        """[n, E]."""
        return _float(self._read("model.wte.bin", self.sizes.rows, self._width)[list(ids)])

    def vector(self, name: str) -> "Array":
        """[n]: a bias or a part of a LayerNorm; a bias that the ranks share is joined."""
        if name.endswith("mlp.fc_in.bias"):
            import numpy as np

            part = self.inter // self.ranks
            files = (f"{_layer(name)}mlp.dense_h_to_4h.bias.{rank}.bin" for rank in range(self.ranks))
            return np.concatenate([_float(self._read(file, part)) for file in files])
        for ending, file in _VECTORS.items():
            if name.endswith(ending):
                rows = self.sizes.rows if name == "lm_head.bias" else self._width
                return _float(self._read(f"{_layer(name)}{file}.bin", rows))
        raise KeyError(name)

    def apply(self, name: str, x: "Array") -> "Array":
        """[…, in] to […, out]: the product with a matrix, of all ranks."""
        import numpy as np

        if name == "lm_head":
            head = self._read("model.lm_head.weight.bin", self.sizes.rows, self._width)
            return np.asarray(x @ _float(head).T)
        part = name.rpartition(".")[2]
        width, local, inner = self._width, self._width // self.ranks, self.inter // self.ranks
        if part in _THIRDS:
            files = self._ranks(name, "attention.query_key_value", width, 3, local)
            return np.concatenate([x @ _float(file[:, _THIRDS[part]]) for file in files], -1)
        if part == "fc_in":
            files = self._ranks(name, "mlp.dense_h_to_4h", width, inner)
            return np.concatenate([x @ _float(file) for file in files], -1)
        file, rows = _ROW_PARALLEL[part], local if part == "out_proj" else inner
        parts = np.split(x, self.ranks, -1)
        files = self._ranks(name, file, rows, width)
        return np.asarray(sum(mine @ _float(each) for mine, each in zip(parts, files, strict=True)))

    @property
    def _width(self) -> int:
        return self.sizes.heads * self.sizes.head_dim

    def _ranks(self, name: str, file: str, *shape: int) -> "list[Array]":
        layer = _layer(name)
        return [self._read(f"{layer}{file}.weight.{rank}.bin", *shape) for rank in range(self.ranks)]

    def _read(self, file: str, *shape: int) -> "Array":
        import numpy as np

        path = self.folder / file
        try:
            return np.memmap(path, self.dtype, "r", shape=shape)
        except FileNotFoundError as error:
            raise ConvertError(f"{path} is missing.") from error
        except ValueError as error:
            size = path.stat().st_size
            raise ConvertError(f"{path} has {size} bytes, too few for {shape} {self.dtype}.") from error


_VECTORS: Mapping[str, str] = {
    "ln_1.weight": "input_layernorm.weight",
    "ln_1.bias": "input_layernorm.bias",
    "mlp.fc_out.bias": "mlp.dense_4h_to_h.bias",
    "ln_f.weight": "model.final_layernorm.weight",
    "ln_f.bias": "model.final_layernorm.bias",
    "lm_head.bias": "model.lm_head.bias",
}
_ROW_PARALLEL: Mapping[str, str] = {"out_proj": "attention.dense", "fc_out": "mlp.dense_4h_to_h"}


def _layer(name: str) -> str:
    """The beginning of a file's name for a tensor of a layer, empty for one of the whole."""
    return f"model.layers.{name.split('.')[1]}." if name.startswith("h.") else ""


def _full(name: str) -> str:
    return name if name.startswith("lm_head") else f"transformer.{name}"


def _float(array: "Array") -> "Array":
    import numpy as np

    return np.asarray(array, np.float32)
