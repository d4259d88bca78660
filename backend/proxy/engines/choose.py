"""Which engine runs a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .base import Engine


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What the command line says about the engine."""

    name: str
    """The model's name, as requests and answers spell it."""
    path: Path | None
    """The model's file; None for an engine without one."""
    parallel: int | None = None
    """Slots; None: the engine's default."""
    context: int | None = None
    """Tokens that prompt and completion share; None: the engine's default."""
    threads: int | None = None
    """CPU threads; None: the engine's default."""


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


ENGINES: Mapping[str, Callable[[EngineChoice], Engine]] = {"llama": _llama, "memory": _memory}
"""By the name that ``serve --engine`` takes."""

WITHOUT_FILE = frozenset({"memory"})
"""Engines that need no model file."""
