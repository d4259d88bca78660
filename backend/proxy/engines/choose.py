"""Which engine runs a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
    settings = LlamaSettings(path=choice.path, name=choice.name, threads=choice.threads)
    told = {"slots": choice.parallel, "context": choice.context}
    return LlamaEngine(
        replace(settings, **{name: value for name, value in told.items() if value is not None})
    )


def _memory(choice: EngineChoice) -> Engine:
    from .memory import MemoryEngine, MemorySettings

    settings = MemorySettings(model=choice.name)
    told = {"slots": choice.parallel, "context_length": choice.context}
    return MemoryEngine(
        replace(settings, **{name: value for name, value in told.items() if value is not None})
    )


ENGINES: Mapping[str, Callable[[EngineChoice], Engine]] = {"llama": _llama, "memory": _memory}
"""By the name that ``serve --engine`` takes."""

WITHOUT_FILE = frozenset({"memory"})
"""Engines that need no model file."""
