"""What the launcher is told, and what it tells: which backend to run, how its program is run, and how it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pilotfish.lsp.lookout import LocalBackend
from pilotfish.lsp.restarts import BACK_OFF


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to run and where its traces are."""

    model: str = ""
    """A name of the catalogue, a full path, or empty for the default."""
    idle_timeout: float = 1800.0
    """Seconds without a request after which the backend stops by itself."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The environment that we were started in."""
    workspace: Path | None = None
    """The folder whose programs must not run."""
    state: Path | None = None
    """Folder of the state files; None: the platform's place for the user's state."""
    logs: Path | None = None
    """Folder of the logs; None: the platform's place for the user's logs."""
    command: tuple[str, ...] = ()
    """How the backend's program is called; empty: it is looked for."""
    start_timeout: float = 180.0
    """Seconds until a start that goes on counts as failed; big models take long to load."""
    stop_timeout: float = 10.0
    """Seconds until a backend that was asked to end is made to."""
    patience: float = 3.0
    """Seconds that a backend may fail, or not answer, before something is done about it."""
    back_off: tuple[float, ...] = BACK_OFF
    """Seconds to wait before a restart: after the first crash, the second, and so on."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the local backend does, as seen from outside."""

    state: str
    """As in ``/health``: ``ready``, ``loading``, ``failing``, ``stopping``; else ``starting``, ``hanging``, ``stopped``
    (by the user), ``crashed`` or ``off``."""
    log: Path
    detail: str = ""
    backend: LocalBackend | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """The backend's program and the surroundings in which it is safe to run."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    """Its working directory: never the workspace."""
