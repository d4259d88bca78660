"""Which engine runs a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .base import Engine
from .triton_address import AddressError, parse_urls

__all__ = ["ENGINES", "TRITON_MODEL", "AddressError", "EngineChoice", "parse_urls"]

TRITON_MODEL = "fastertransformer"
"""What the converter, as FauxPilot before, calls the model in Triton."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What the command line says about the engine."""

    engine: str
    """A key of ``ENGINES``."""
    name: str
    """The model's name, as requests and answers spell it."""
    path: Path | None = None
    """The model's file or folder; None for an engine without one."""
    tokenizer: Path | None = None
    """``tokenizer.json`` or its folder; None for an engine that needs none, or finds it beside the model."""
    urls: tuple[str, ...] = ()
    """Triton servers, as ``parse_urls`` gives them."""
    triton_model: str = TRITON_MODEL
    """The model's name there."""
    tls_ca: Path | None = None
    """Certificates by which the servers are known; None: no TLS."""
    parallel: int | None = None
    """Slots; None: the engine's default."""
    context: int | None = None
    """Tokens that prompt and completion share; None: the engine's default."""
    threads: int | None = None
    """CPU threads; None: the engine's default."""

    def make(self) -> Engine:
        """The engine, not yet started."""
        return ENGINES[self.engine](self)


def _llama(choice: EngineChoice) -> Engine:
    from .llama import LlamaEngine, LlamaSettings

    assert choice.path is not None
    usual = LlamaSettings(path=choice.path, name=choice.name)
    return LlamaEngine(
        LlamaSettings(
            path=choice.path,
            name=choice.name,
            slots=choice.parallel or usual.slots,
            context=choice.context or usual.context,
            threads=choice.threads,
        )
    )


def _ctranslate2(choice: EngineChoice) -> Engine:
    from .ctranslate2 import CTranslate2Engine, CTranslate2Settings

    assert choice.path is not None
    usual = CTranslate2Settings(path=choice.path, name=choice.name)
    return CTranslate2Engine(
        CTranslate2Settings(
            path=choice.path,
            name=choice.name,
            tokenizer=choice.tokenizer,
            slots=choice.parallel or usual.slots,
            context=choice.context,
            threads=choice.threads,
        )
    )


def _triton(choice: EngineChoice) -> Engine:
    from .triton import TritonEngine, TritonSettings

    assert choice.tokenizer is not None
    return TritonEngine(
        TritonSettings(
            urls=choice.urls,
            model=choice.triton_model,
            name=choice.name,
            tokenizer=choice.tokenizer,
            tls_ca=choice.tls_ca,
            slots=choice.parallel,
            context=choice.context,
        )
    )


def _memory(choice: EngineChoice) -> Engine:
    from .memory import MemoryEngine, MemorySettings

    usual = MemorySettings()
    return MemoryEngine(
        MemorySettings(
            model=choice.name,
            slots=choice.parallel or usual.slots,
            context_length=choice.context or usual.context_length,
        )
    )


ENGINES: Mapping[str, Callable[[EngineChoice], Engine]] = {
    "llama": _llama,
    "ctranslate2": _ctranslate2,
    "triton": _triton,
    "memory": _memory,
}
"""By the name that ``serve --engine`` takes."""
