"""The checkpoint that is tuned: whether it can be, and by what it is known again."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from pilotfish.backend.converter.architecture import Architecture, read_architecture
from pilotfish.backend.converter.mapping import validate
from pilotfish.backend.converter.problems import ConvertError, Problem
from pilotfish.backend.converter.source import Checkpoint, open_checkpoint
from pilotfish.backend.converter.tokenizer_files import FAST, TokenizerFacts, find_tokenizer
from pilotfish.backend.converter.vocabulary import check_rows
from pilotfish.backend.models.progress import Progress

from .problems import FinetuneError

_SAMPLE = 1 << 20
"""Bytes at both ends of a file of weights that are looked at to know it again; all would take minutes."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_UNKNOWN_SLICES = 8
_BUFFERS = ("attn.causal_mask", "attn.bias", "attn.masked_bias")


@dataclass(frozen=True, slots=True)
class Base:
    """A checkpoint that can be tuned."""

    path: Path = Path()
    architecture: Architecture = field(default_factory=Architecture)
    dtype: str = "float32"
    """Of its weights, which the tuned ones are written in."""
    parameters: int = 0
    tokenizer: TokenizerFacts = field(default_factory=TokenizerFacts)
    config: dict[str, Any] = field(default_factory=dict)
    """Its config.json."""
    fingerprint: str = ""
    """The same for the same files."""


def find_base(named: str, cache: Path, progress: Progress, *, endpoint: str | None = None) -> Path:
    """The folder of a checkpoint; one of the hub is downloaded into ``cache``. Raises ``FinetuneError``.

    ``endpoint`` is the hub's address, None: what ``huggingface_hub`` is set up for.
    """
    path = Path(named).expanduser()
    if path.is_dir():
        return path.resolve()
    if not _HUB_NAME.fullmatch(named) or path.exists():
        raise FinetuneError(
            f"BASE: there is no folder {named}. Name the folder of a CodeGen or GPT-J checkpoint, or a model of the "
            "hub such as Salesforce/codegen-350M-multi."
        )
    from pilotfish.backend.models.checkpoint import fetch_checkpoint
    from pilotfish.backend.models.errors import ModelError

    try:
        return fetch_checkpoint(named, cache / named.replace("/", "--"), progress, endpoint=endpoint)
    except ModelError as error:
        raise FinetuneError(f"BASE: {error}") from error


def open_base(path: Path) -> Base:
    """Look at a checkpoint. Raises ``FinetuneError`` with all that keeps it from being tuned."""
    try:
        with open_checkpoint(path) as checkpoint:
            architecture = read_architecture(checkpoint.config, checkpoint.tensors)
            tokenizer = find_tokenizer(path)
            problems = [*validate(checkpoint, architecture), *check_rows(architecture, tokenizer)]
            if architecture.mp == _UNKNOWN_SLICES:
                problems.append(
                    Problem("head_dim", "a CodeGen2 of eight slices, which transformers does not know")
                )
            if problems:
                raise ConvertError(f"{path} can't be tuned:", problems)
            if tokenizer is None or FAST not in tokenizer.files:
                raise ConvertError(f"{path} has no {FAST}. Put the model's own beside its weights.")
            weights = [info for name, info in checkpoint.tensors.items() if not name.endswith(_BUFFERS)]
            return Base(
                path,
                architecture,
                _common([info.dtype for info in weights]),
                sum(prod(info.shape) for info in weights),
                tokenizer,
                dict(checkpoint.config),
                _fingerprint(checkpoint),
            )
    except ConvertError as error:
        raise FinetuneError(f"BASE: {error}") from error


def _common(dtypes: Sequence[str]) -> str:
    """The type that most of the weights have."""
    return max(sorted(set(dtypes)), key=dtypes.count)


def _fingerprint(checkpoint: Checkpoint) -> str:
    digest = hashlib.sha256((checkpoint.path / "config.json").read_bytes())
    for file in sorted(checkpoint.files):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_SAMPLE))
            stream.seek(max(0, size - _SAMPLE))
            digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()
