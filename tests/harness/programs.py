"""Where the programs under test are: console scripts beside the running interpreter."""

import sys
from pathlib import Path


def language_server() -> list[str]:
    """The command that an editor starts."""
    return [script("pilotfish")]


def backend() -> list[str]:
    """The backend's command."""
    return [script("pilotfish-backend")]


def script(name: str) -> str:
    """Path of an installed console script."""
    return str(Path(sys.executable).parent / name)
