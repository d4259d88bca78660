"""`pilotfish.json`: what a model repository is, out of what it was made, and every file's size and hash."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from .architecture import Architecture
from .problems import ConvertError
from .signature import MODEL_NAME
from .source import read_json

NAME = "pilotfish.json"
MODEL = MODEL_NAME
"""The model's name in Triton and its folder in the repository, whatever runs it: the clients' name for it."""
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file as it was written."""

    bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A conversion's result."""

    target: str = "fastertransformer"
    """``fastertransformer``, ``ctranslate2``, or ``gptj`` (transformers' own layout)."""
    source: str = ""
    """The checkpoint's name; not its path, since a repository travels."""
    architecture: Architecture = field(default_factory=Architecture)
    """As the checkpoint has it; ``mp`` is the number of slices that its fused projection was read with."""
    rows: int = 0
    """Of the vocabulary as they were written, padded ones included."""
    gpus: int = 1
    dtype: str = ""
    """Of the files' numbers, where they are not quantised: ``fp32``, ``fp16``, or the checkpoint's own."""
    quantization: str | None = None
    made_by: str = ""
    """Program and version."""
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    """By their paths in the repository, with slashes; the manifest itself is not among them."""

    def text(self) -> str:
        """What its file holds."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=2) + "\n"

    def write(self, repository: Path) -> None:
        """Write it into the repository's folder."""
        (repository / NAME).write_text(self.text(), "utf-8")

    @classmethod
    def read(cls, repository: Path) -> "Manifest":
        """The manifest of a repository; raises ``ConvertError`` if it has none, or one that makes no sense."""
        path = repository / NAME
        if not path.is_file():
            raise ConvertError(f"{repository} was not made by pilotfish-backend convert: it has no {NAME}.")
        found = read_json(path)
        if (form := found.pop("format", None)) != _FORMAT:
            raise ConvertError(f"{path} has format {form!r}; this version knows {_FORMAT}. Convert again.")
        try:
            _check_texts(found)
            return cls(**found | {"architecture": _architecture(found), "files": _files(found)})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConvertError(f"{path} is damaged: {error}. Convert again.") from error


def _check_texts(found: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for a value that should be text and is something else."""
    for name in ("target", "source", "dtype", "quantization", "made_by"):
        value = found.get(name, "")
        if not isinstance(value, str) and not (name == "quantization" and value is None):
            raise ValueError(f"its {name} is {value!r}")


def _architecture(found: Mapping[str, Any]) -> Architecture:
    """The sizes; a value of another type than its default's is refused."""
    architecture = Architecture(**found["architecture"])
    for owner, value, default in (
        *((key, found[key], 0) for key in ("rows", "gpus")),
        *((each.name, getattr(architecture, each.name), each.default) for each in fields(Architecture)),
    ):
        if type(value) is not type(default):
            raise ValueError(f"its {owner} is {value!r}")
    return architecture


def _files(found: Mapping[str, Any]) -> dict[str, FileEntry]:
    files = {}
    for name, entry in found["files"].items():
        path = PurePosixPath(name)
        outside = path.is_absolute() or ".." in path.parts
        # What can't be printed may be no file's name at all.
        if outside or not name.isprintable() or type(entry["bytes"]) is not int:
            raise ValueError(f"its entry {name!r}")
        files[name] = FileEntry(entry["bytes"], str(entry["sha256"]))
    return files
