"""Where a model for the engine ``ctranslate2`` is, and what belongs to it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .base import EngineError

_WEIGHTS = "model.bin"
_TOKENIZER = "tokenizer.json"
_MANIFEST = "pilotfish.json"
_MODEL = "fastertransformer"
_POSITIONS = 2048
"""Of every CodeGen and GPT-J; a bare CTranslate2 folder does not say."""


@dataclass(frozen=True, slots=True)
class Place:
    """A model's parts."""

    weights: Path
    """The folder with ``model.bin``."""
    tokenizer: Path
    """``tokenizer.json``."""
    positions: int = _POSITIONS
    """Tokens that prompt and completion share."""


def find_place(path: Path, tokenizer: Path | None = None) -> Place:
    """Look into ``path``: a model repository with the target ``ctranslate2``, or a CTranslate2 folder.

    ``tokenizer`` is a ``tokenizer.json`` or its folder; without one it stands where a conversion puts it, or beside
    the weights. Raises ``EngineError`` that says what is missing.
    """
    model = path / _MODEL
    bare = (path / _WEIGHTS).is_file()
    manifest = {} if bare else _manifest(path)
    target = manifest.get("target", "ctranslate2")
    if target != "ctranslate2":
        raise EngineError(
            f"{path} was converted for {target}, which does not run here. Convert the checkpoint with "
            "--target ctranslate2."
        )
    weights = path if bare else model / "1" / "weights"
    if not (weights / _WEIGHTS).is_file():
        raise EngineError(
            f"{path} is no model for CTranslate2: there is neither {_WEIGHTS} nor "
            f"{(weights / _WEIGHTS).relative_to(path)} in it. Convert a checkpoint with --target ctranslate2."
        )
    usual = path if bare else model / "tokenizer"
    file = usual if tokenizer is None else tokenizer
    file = file / _TOKENIZER if file.is_dir() else file
    if not file.is_file():
        raise EngineError(f"There is no {file}. Name the model's tokenizer: --tokenizer DIR or FILE.")
    return Place(weights, file, _positions(manifest))


def _manifest(path: Path) -> dict[str, Any]:
    file = path / _MANIFEST
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EngineError(f"{file} can't be read: {error}. Convert the checkpoint again.") from error
    if not isinstance(found, dict):
        raise EngineError(f"{file} is damaged. Convert the checkpoint again.")
    return found


def _positions(manifest: dict[str, Any]) -> int:
    architecture = manifest.get("architecture")
    found = architecture.get("positions") if isinstance(architecture, dict) else None
    return found if isinstance(found, int) and found > 0 else _POSITIONS
