"""From a checkpoint's tensors to those of a GPT-J: names, shapes, and how CodeGen's fused projection comes apart. Pure.

A CodeGen is a GPT-J but for one thing: query, value and key are one matrix. Its rows lie in ``mp`` slices, one for each
device of the machine that trained it, and inside a slice in the order query, value, key. Whole heads lie in a slice,
one after the other, so the heads' order stays. Layout and numbers: transformers' ``modeling_codegen.py``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .architecture import Architecture
from .problems import Problem
from .source import Checkpoint
from .tensors import Rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = ("float32", "float16", "bfloat16")

_TOP: Mapping[str, str] = {  # name -> shape, in sizes of _sizes()
    "wte.weight": "VH",  # [vocabulary, hidden]
    "ln_f.weight": "H",
    "ln_f.bias": "H",
    "lm_head.weight": "VH",
    "lm_head.bias": "V",
}
_LAYER: Mapping[str, str] = {  # in each layer, behind "h.N."; matrices are [out, in]
    "ln_1.weight": "H",
    "ln_1.bias": "H",
    "attn.q_proj.weight": "HH",
    "attn.k_proj.weight": "HH",
    "attn.v_proj.weight": "HH",
    "attn.out_proj.weight": "HH",
    "mlp.fc_in.weight": "IH",
    "mlp.fc_in.bias": "I",
    "mlp.fc_out.weight": "HI",
    "mlp.fc_out.bias": "H",
}
_FUSED = "attn.qkv_proj.weight"  # [3 · hidden, hidden]
_ORDER: Mapping[str, int] = {  # place in a slice of the fused projection
    "attn.q_proj.weight": 0,
    "attn.v_proj.weight": 1,
    "attn.k_proj.weight": 2,
}
_BUFFERS = ("attn.causal_mask", "attn.bias", "attn.masked_bias", "attn.scale_attn", "attn.embed_positions")
"""What some versions of transformers save beside the weights: made from the configuration, so not converted."""


@dataclass(frozen=True, slots=True)
class GptjWeights:
    """A checkpoint, CodeGen or GPT-J, seen as a GPT-J. Names are transformers' without ``transformer.``."""

    checkpoint: Checkpoint
    architecture: Architecture

    def names(self) -> list[str]:
        """Every weight, in the order of the layers."""
        return list(gptj_shapes(self.architecture))

    def shape(self, name: str) -> tuple[int, ...]:
        """Of one weight; matrices are [out, in]."""
        return gptj_shapes(self.architecture)[name]

    def dtype(self, name: str) -> str:
        """Of one weight, as the checkpoint stores it."""
        return self.rows(name).dtype

    def rows(self, name: str) -> Rows:
        """One weight as views of the checkpoint's files; nothing is read yet."""
        leaf = name.split(".", 2)[-1]  # "h.7.attn.q_proj.weight" -> "attn.q_proj.weight"
        if self.architecture.family != "codegen" or leaf not in _ORDER:
            return self.checkpoint.rows(hf_name(name))
        fused = self.checkpoint.rows(hf_name(name.removesuffix(leaf) + _FUSED))
        slices = self.architecture.mp
        step = self.architecture.hidden // slices
        starts = ((3 * index + _ORDER[leaf]) * step for index in range(slices))
        (whole,) = fused.pieces
        return Rows(tuple(whole[start : start + step] for start in starts), fused.dtype)

    def read(self, name: str) -> "NDArray[np.generic]":
        """One weight in the shape that ``shape`` tells, in its own type; bfloat16 becomes float32."""
        return self.rows(name).array().reshape(self.shape(name))


def gptj_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Every weight of a GPT-J with its shape, in the order of the layers."""
    return dict(_shapes(architecture, _LAYER))


def hf_name(name: str) -> str:
    """What transformers calls a weight."""
    return name if name.startswith("lm_head.") else f"transformer.{name}"


def validate(checkpoint: Checkpoint, architecture: Architecture) -> list[Problem]:
    """All tensors that are missing, have another shape or type than the architecture says, or are not known."""
    expected = stored_shapes(architecture)
    problems = []
    for name, shape in expected.items():
        if (info := checkpoint.tensors.get(name)) is None:
            problems.append(Problem(name, f"missing; expected {list(shape)}"))
        elif info.shape != shape:
            problems.append(Problem(name, f"has shape {list(info.shape)}; expected {list(shape)}"))
        elif info.dtype not in WEIGHTS:
            problems.append(Problem(name, f"is of type {info.dtype}; expected one of {', '.join(WEIGHTS)}"))
    strangers = sorted(name for name in checkpoint.tensors.keys() - expected if not name.endswith(_BUFFERS))
    return problems + [
        Problem(name, f"not a tensor of a {architecture.family} with {architecture.layers} layers")
        for name in strangers
    ]


def stored_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Every tensor as the checkpoint has it, with its shape, by transformers' name."""
    layer = _LAYER
    if architecture.family == "codegen":
        layer = {_FUSED: "3H", **{name: axes for name, axes in _LAYER.items() if name not in _ORDER}}
    return {hf_name(name): shape for name, shape in _shapes(architecture, layer)}


def _shapes(architecture: Architecture, layer: Mapping[str, str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    sizes = {
        "V": architecture.rows,
        "H": architecture.hidden,
        "I": architecture.inter,
        "3": 3 * architecture.hidden,
    }
    top = {name: tuple(sizes[axis] for axis in axes) for name, axes in _TOP.items()}
    yield "wte.weight", top.pop("wte.weight")
    for index in range(architecture.layers):
        for name, axes in layer.items():
            yield f"h.{index}.{name}", tuple(sizes[axis] for axis in axes)
    yield from top.items()
