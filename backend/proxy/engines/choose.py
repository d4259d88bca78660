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
    threads: int | None = None
    """CPU threads; None: the engine's default."""


def _llama(choice: EngineChoice) -> Engine:
    raise NotImplementedError


def _memory(choice: EngineChoice) -> Engine:
    from .memory import MemoryEngine, MemorySettings

    return MemoryEngine(MemorySettings(model=choice.name, slots=choice.parallel or 2))


ENGINES: Mapping[str, Callable[[EngineChoice], Engine]] = {"llama": _llama, "memory": _memory}
"""By the name that ``serve --engine`` takes."""

WITHOUT_FILE = frozenset({"memory"})
"""Engines that need no model file."""
