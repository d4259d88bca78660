"""FasterTransformer's files of a GPT-J as data: each with its shape and where its numbers come from. Pure.

A file is raw numbers, row-major, without a header. Its loader reads as many as the configuration implies and takes no
notice of what is missing, so every size here has to hold exactly. Source: ``GptJWeight.cc``,
``GptJDecoderLayerWeight.cc`` and ``examples/pytorch/gptj/utils/huggingface_gptj_ckpt_convert.py`` of FasterTransformer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from .architecture import Architecture
from .problems import Problem

ITEM_BYTES: Mapping[str, int] = {"fp32": 4, "fp16": 2}
"""Types of the files' numbers: fp32 for every version, fp16 for FasterTransformer 5.1 and newer."""
VOCABULARY_STEP = 8
"""Rows of one GPU's part of the vocabulary come in multiples of this, or the half-precision kernels pad them."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file."""

    path: str = ""
    """Its name in the folder of the weights."""
    shape: tuple[int, ...] = ()
    """Of what it holds."""
    source: tuple[str, ...] = ()
    """The tensors that it is made of (``GptjWeights``' names); several lie beside each other in the middle axis."""
    transposed: bool = False
    """Whether the source's [out, in] is stored as [in, out]."""
    split_axis: int | None = None
    """Axis of ``shape`` that is one rank's part of the whole; None: the file is the same for all ranks."""
    rank: int | None = None
    """The GPU that reads it; None: all."""

    def bytes(self, dtype: str) -> int:
        """How many the file must have."""
        return prod(self.shape) * ITEM_BYTES[dtype]


@dataclass(frozen=True, slots=True)
class _Form:
    """A row of the tables below: axes are named by their sizes, the one in lower case is what the ranks share out."""

    path: str
    axes: str
    source: tuple[str, ...]
    transposed: bool = False

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The axes' sizes."""
        return tuple(sizes[axis] for axis in self.axes)


_TOP = (  # V rows of the vocabulary, H hidden
    _Form("model.wte.bin", "VH", ("wte.weight",)),
    _Form("model.lm_head.weight.bin", "VH", ("lm_head.weight",)),
    _Form("model.lm_head.bias.bin", "V", ("lm_head.bias",)),
    _Form("model.final_layernorm.weight.bin", "H", ("ln_f.weight",)),
    _Form("model.final_layernorm.bias.bin", "H", ("ln_f.bias",)),
)
_QKV = ("attn.q_proj.weight", "attn.k_proj.weight", "attn.v_proj.weight")
_LAYER = (  # in each layer; I inside the MLP
    _Form("input_layernorm.weight", "H", ("ln_1.weight",)),
    _Form("input_layernorm.bias", "H", ("ln_1.bias",)),
    _Form("attention.query_key_value.weight", "H3h", _QKV, transposed=True),  # [in, (q, k, v), out/N]
    _Form("attention.dense.weight", "hH", ("attn.out_proj.weight",), transposed=True),  # [in/N, out]
    _Form("mlp.dense_h_to_4h.weight", "Hi", ("mlp.fc_in.weight",), transposed=True),  # [in, out/N]
    _Form("mlp.dense_h_to_4h.bias", "i", ("mlp.fc_in.bias",)),
    _Form("mlp.dense_4h_to_h.weight", "iH", ("mlp.fc_out.weight",), transposed=True),  # [in/N, out]
    _Form("mlp.dense_4h_to_h.bias", "H", ("mlp.fc_out.bias",)),
)


def weights_folder(gpus: int) -> str:
    """The folder of the weights within a model's version."""
    return f"{gpus}-gpu"


def padded_rows(rows: int, gpus: int) -> int:
    """Rows of the vocabulary as they are written: every GPU gets whole multiples of ``VOCABULARY_STEP``."""
    step = VOCABULARY_STEP * gpus
    return -(-rows // step) * step


def layout_files(architecture: Architecture, gpus: int, rows: int) -> list[FileSpec]:
    """Every file for ``gpus`` ranks with a vocabulary of ``rows``: 5 + layers · (3 + 5 · gpus)."""
    sizes = {
        "V": rows,
        "H": architecture.hidden,
        "3": 3,
        "h": architecture.hidden // gpus,
        "i": architecture.inter // gpus,
    }
    files = [FileSpec(form.path, form.shape(sizes), form.source) for form in _TOP]
    for layer in range(architecture.layers):
        for form in _LAYER:
            files += _layer_files(form, layer, form.shape(sizes), gpus)
    return files


def check_gpus(architecture: Architecture, gpus: int) -> list[Problem]:
    """What keeps the model from being shared out over that many GPUs."""
    if gpus < 1:
        return [Problem("--gpus", f"{gpus} is too few")]
    shared = {"heads": architecture.heads, "numbers inside the MLP": architecture.inter}
    most = range(1, architecture.heads + 1)
    possible = [count for count in most if not any(size % count for size in shared.values())]
    return [
        Problem(
            "--gpus", f"{size} {what} do not divide by {gpus}; possible are {', '.join(map(str, possible))}"
        )
        for what, size in shared.items()
        if size % gpus
    ]


def _layer_files(form: _Form, layer: int, shape: tuple[int, ...], gpus: int) -> list[FileSpec]:
    path = f"model.layers.{layer}.{form.path}"
    source = tuple(f"h.{layer}.{name}" for name in form.source)
    split = next((axis for axis, name in enumerate(form.axes) if name.islower()), None)
    if split is None:
        return [FileSpec(f"{path}.bin", shape, source, form.transposed)]
    return [
        FileSpec(f"{path}.{rank}.bin", shape, source, form.transposed, split, rank) for rank in range(gpus)
    ]
