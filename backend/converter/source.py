"""A checkpoint in Hugging Face's layout: its configuration and its tensors, in one file or in many shards."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .problems import ConvertError, Problem
from .safetensors_file import SafetensorsFile
from .tensors import Rows, TensorInfo
from .torch_file import TorchFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Checkpoint", "TensorInfo", "open_checkpoint"]


class _WeightsFile(Protocol):
    @property
    def tensors(self) -> Mapping[str, TensorInfo]: ...
    def rows(self, name: str) -> Rows: ...
    def close(self) -> None: ...


_KINDS: Sequence[tuple[str, Callable[[Path], _WeightsFile]]] = (
    ("model.safetensors", SafetensorsFile),
    ("pytorch_model.bin", TorchFile),
)
"""Names of weights, the preferred first. Shards are named by the same and ``.index.json``."""
_LARGEST_JSON = 64 * 1024 * 1024
_POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that a clone without Git LFS has in the place of a large one (Git LFS, docs/spec.md)."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An open checkpoint. Nothing of a tensor is in memory before it is read."""

    path: Path = Path()
    config: Mapping[str, Any] = field(default_factory=dict)
    """What ``config.json`` says."""
    tensors: Mapping[str, TensorInfo] = field(default_factory=dict)
    """Every tensor by its name."""
    files: Sequence[Path] = ()
    """The weights' files."""
    homes: Mapping[str, _WeightsFile] = field(default_factory=dict, repr=False)
    """The file that each tensor lies in."""

    def rows(self, name: str) -> Rows:
        """A tensor as a view that is read piece by piece."""
        return self.homes[name].rows(name)

    def read(self, name: str) -> "NDArray[np.generic]":
        """A whole tensor in its shape and own type, a view of the file; bfloat16 becomes float32, a copy."""
        return self.rows(name).array().reshape(self.tensors[name].shape)


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Open the checkpoint in folder ``path``.

    Raises ``ConvertError`` if there is none, or a file of it is missing, damaged or more than weights.
    """
    if not path.is_dir():
        raise ConvertError(f"{path} is no folder. Name the folder that has the model's config.json.")
    config = read_json(path / "config.json")
    opened: list[_WeightsFile] = []
    try:
        homes: dict[str, _WeightsFile] = {}
        files = _weights(path)
        for file, opener in files:
            opened.append(_open(file, opener))
            homes.update(dict.fromkeys(opened[-1].tensors, opened[-1]))
        tensors = {name: home.tensors[name] for name, home in homes.items()}
        yield Checkpoint(path, config, tensors, [file for file, _ in files], homes)
    finally:
        for each in opened:
            each.close()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; ``ConvertError`` names the file if it is absent, too large or something else."""
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ConvertError(f"{path} is too large to be what its name says.")
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConvertError(f"{path} can't be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise ConvertError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise ConvertError(f"{path} is no JSON object.")
    return found


def _weights(path: Path) -> list[tuple[Path, Callable[[Path], _WeightsFile]]]:
    """The files of the first kind that is there, with what opens them."""
    for name, opener in _KINDS:
        if (path / name).exists():
            return [(path / name, opener)]
        if (path / f"{name}.index.json").exists():
            return [(shard, opener) for shard in _shards(path / f"{name}.index.json")]
    names = " or ".join(name for name, _ in _KINDS)
    raise ConvertError(f"{path} has no weights: neither {names} nor an index of shards (… .index.json).")


def _shards(index: Path) -> list[Path]:
    """The files that an index names; all that are missing are said at once."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ConvertError(f"{index} has no weight_map.")
    names = sorted({str(name) for name in weight_map.values()})
    if strange := [name for name in names if Path(name).name != name]:
        raise ConvertError(f"{index} names files outside of its folder: {', '.join(strange)}.")
    shards = [index.parent / name for name in names]
    if missing := [Problem(shard.name, "missing") for shard in shards if not shard.is_file()]:
        raise ConvertError(f"{index.parent} lacks shards of its weights. Download them again.", missing)
    return shards


def _open(path: Path, opener: Callable[[Path], _WeightsFile]) -> _WeightsFile:
    try:
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise ConvertError(
                    f"{path} is not the file itself but Git LFS's pointer to it. Bring it: "
                    "'git lfs pull' in that folder."
                )
        return opener(path)
    except OSError as error:
        raise ConvertError(f"{path} can't be read: {error.strerror or error}.") from error
    except ValueError as error:  # an empty file can't be mapped
        raise ConvertError(f"{path} is damaged: {error}.") from error
