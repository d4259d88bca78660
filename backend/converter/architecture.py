"""What kind of model a checkpoint holds, and its sizes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .problems import ConvertError, Problem
from .tensors import TensorInfo

FAMILIES = ("codegen", "gptj")
EMBEDDING = "transformer.wte.weight"
_CODEGEN2_HEADS = (128, 256)
"""Values of ``head_dim`` in a configuration, which only CodeGen2's have, that go with 8 slices (CTranslate2's rule)."""
_ACTIVATION = "gelu_new"
MOST_LAYERS = 1024
MOST = 1 << 24
"""Of any size: a number beyond is damage or malice, and would only be counted up to."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of a CodeGen or GPT-J."""

    family: str = "codegen"
    """``codegen`` or ``gptj``."""
    layers: int = 0
    heads: int = 0
    head_dim: int = 0
    """Numbers of one head's query."""
    hidden: int = 0
    """Width of the residual stream: heads · head_dim."""
    inter: int = 0
    """Width inside the MLP."""
    rotary_dim: int = 0
    """Of a head's numbers, those that turn with the position."""
    positions: int = 0
    """Tokens that a prompt and its completion may have together."""
    rows: int = 0
    """Of embedding and head, as the tensors have them."""
    bos: int = 0
    eos: int = 0
    eps: float = 1e-5
    """Of LayerNorm."""
    mp: int = 1
    """Slices in which a CodeGen's fused query-value-key projection is stored; 1 in a GPT-J, which has none."""


def read_architecture(
    config: Mapping[str, Any], tensors: Mapping[str, TensorInfo], mp: int | None = None
) -> Architecture:
    """The sizes that a configuration and the embedding tell; ``mp`` overrides the rule for the slices.

    Raises ``ConvertError`` that lists all that the configuration lacks or contradicts.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ConvertError(
            f"config.json says model_type {family!r}; what can be converted is {' and '.join(FAMILIES)}."
        )
    sizes = _Sizes(config)
    heads, hidden = sizes.whole("n_head"), sizes.whole("n_embd")
    head_dim = hidden // heads if heads else 0
    architecture = Architecture(
        family=family,
        layers=sizes.whole("n_layer", most=MOST_LAYERS),
        heads=heads,
        head_dim=head_dim,
        hidden=hidden,
        inter=sizes.whole("n_inner", 4 * hidden),
        rotary_dim=sizes.whole("rotary_dim", head_dim),
        positions=sizes.whole("n_positions", config.get("n_ctx")),
        rows=_rows(sizes, tensors),
        bos=sizes.whole("bos_token_id", 50256, least=0),
        eos=sizes.whole("eos_token_id", 50256, least=0),
        eps=sizes.positive("layer_norm_epsilon", 1e-5),
        mp=_slices(family, config, mp),
    )
    if problems := [*sizes.problems, *_contradictions(architecture, config)]:
        raise ConvertError("config.json does not describe a model that can be converted:", problems)
    return architecture


def _rows(sizes: "_Sizes", tensors: Mapping[str, TensorInfo]) -> int:
    """The tensors know better than the configuration; it only counts where the embedding is missing."""
    embedding = tensors.get(EMBEDDING)
    return embedding.shape[0] if embedding and embedding.shape else sizes.whole("vocab_size")


def _slices(family: str, config: Mapping[str, Any], asked: int | None) -> int:
    if family == "gptj":
        return asked or 1
    return asked or (8 if config.get("head_dim") in _CODEGEN2_HEADS else 4)


def _contradictions(found: Architecture, config: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if found.heads * found.head_dim != found.hidden:
        problems.append(Problem("n_embd", f"{found.hidden} is not divisible by n_head {found.heads}"))
    if found.rotary_dim > found.head_dim or found.rotary_dim % 2:
        what = f"{found.rotary_dim} is odd or more than a head's {found.head_dim} numbers"
        problems.append(Problem("rotary_dim", what))
    if (activation := config.get("activation_function", _ACTIVATION)) != _ACTIVATION:
        problems.append(Problem("activation_function", f"{activation!r}, not {_ACTIVATION!r}"))
    if found.family == "gptj" and found.mp != 1:
        problems.append(Problem("--mp", "a GPT-J has no fused projection, so there is nothing to slice"))
    if found.mp < 1 or found.heads % max(found.mp, 1):
        problems.append(Problem("--mp", f"{found.heads} heads do not divide into {found.mp} slices"))
    return problems


class _Sizes:
    """Reads numbers out of a configuration and gathers what is wrong with them."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.problems: list[Problem] = []

    def whole(self, key: str, default: int | None = None, least: int = 1, most: int = MOST) -> int:
        """A whole number; absent or null, the default, if there is one."""
        value = self._config.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.problems.append(Problem(key, f"{value!r} is no whole number from {least} to {most}"))
            return least
        return value

    def positive(self, key: str, default: float) -> float:
        """A number above 0."""
        value = self._config.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            self.problems.append(Problem(key, f"{value!r} is no number between 0 and 1"))
            return default
        return float(value)
