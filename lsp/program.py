"""Finds the backend's program, and tells what a model needs of it. Nothing in the workspace is ever found."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from pilotfish.lsp.child_environment import safe_path
from pilotfish.lsp.launcher_errors import LocalEngineMissing, UnknownModel

PROGRAM = "pilotfish-backend"
DEFAULT_MODEL = "smollm2-135m"
LOCAL_MODULES = ("uvicorn", "fastapi", "xllamacpp")
"""What the extra ``local`` brings; looked for, never imported here."""


def find_program(environ: Mapping[str, str], *, workspace: Path | None) -> tuple[str, ...]:
    """Return how the backend's program is called: the one beside our interpreter, or else on ``PATH``.

    Raises:
        LocalEngineMissing: there is none.

    """
    beside = shutil.which(PROGRAM, path=str(Path(sys.executable).parent)) if sys.executable else None
    found = beside or shutil.which(PROGRAM, path=safe_path(environ.get("PATH", ""), workspace))
    if found is None:
        raise LocalEngineMissing(f"there is no program {PROGRAM}: {install_advice()}")
    return (found,)


def is_beside_us(command: Sequence[str]) -> bool:
    """Whether a program is the one of our own environment, so that we can tell what is installed for it."""
    return Path(command[0]).parent == Path(sys.executable).parent and Path(command[0]).stem == PROGRAM


def has_local_engine() -> bool:
    """Whether what runs a model on this machine is installed beside us."""
    return all(find_spec(name) is not None for name in LOCAL_MODULES)


def install_advice() -> str:
    """Say how to install the local engine where we are installed."""
    return f"to run a model on this machine: {sys.executable or 'python3'} -m pip install 'pilotfish[local]'"


def resolve_model(model: str) -> str:
    """Return a model's catalogue name, or the full path of its file or folder.

    Raises:
        UnknownModel: the path leads nowhere.

    """
    if not model:
        return DEFAULT_MODEL
    if model.startswith("~") or Path(model).is_absolute() or model.endswith(".gguf"):
        path = Path(model).expanduser()
        if not path.is_absolute() or not path.exists():
            raise UnknownModel(f"backend.model: there is no file or folder {path} (a full path is needed)")
        return str(path.resolve())
    return model


def engine_arguments(model: str) -> tuple[str, ...]:
    """Choose the engine by the model: a GGUF file, a CTranslate2 folder, or as the catalogue says."""
    if model.endswith(".gguf"):
        return ("--engine", "llama")
    if Path(model).is_absolute() and (Path(model) / "model.bin").is_file():
        return ("--engine", "ctranslate2")
    return ()
