"""Where `make editors` puts the editors, and what a user of them has installed."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADVICE = "make editors"


def editors_folder() -> Path:
    """The folder of the installed editors; the variable EDITORS names another one."""
    return Path(os.environ.get("EDITORS") or ROOT / ".editors").absolute()


def user_environment() -> Path:
    """The virtual environment that has what the README's Install gives a user; skips the test without it."""
    return _needed(editors_folder() / "user", "bin/pilotfish")


def editor(folder: str, name: str) -> Path:
    """An editor's program, such as ``editor("neovim-0.12", "nvim")``; skips the test when it is not installed."""
    place = editors_folder() / folder
    return _needed(place, f"bin/{name}") / "bin" / name


def tool(name: str) -> Path:
    """A program that the tests drive editors with, such as ``tmux``; skips the test when it is not installed."""
    return editor(name, name)


def _needed(place: Path, proof: str) -> Path:
    if not (place / proof).exists():
        pytest.skip(f"{place.name} is not installed; install what the tests of editors need with: {ADVICE}")
    return place
