"""What a repository's configurations tell the server, and where that is not what its weights are.

FasterTransformer's Triton backend 1.1, FauxPilot's, takes every size from the parameters of ``config.pbtxt``; from 1.2
on they come from the section ``[gptj]`` of ``config.ini`` beside the weights. Neither looks at the files.
"""

from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .architecture import Architecture
from .layout import weights_folder
from .manifest import MODEL, Manifest
from .pbtxt import PbtxtError, parameters, read_pbtxt, scalar
from .problems import ConvertError, Problem

CONFIG = f"{MODEL}/config.pbtxt"
OTHERS = f"{MODEL}/configs"
"""Configurations for ``--model-config-name``."""
SECTION = "gptj"
_DTYPES: Mapping[str, str] = {"fp32": "fp32", "fp16": "fp16", "0": "fp32", "1": "fp16"}
"""Of config.ini; the numbers are older FasterTransformers'."""
_MOST_DIGITS = 18
_SHOWN = 40  # characters of what is no number
_INI_NAMES: Mapping[str, str] = {"decoder_layers": "num_layer"}
"""Parameters of config.pbtxt that have another name in config.ini."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One file's settings: key to value."""

    path: str = ""
    """In the repository."""
    values: Mapping[str, str] = field(default_factory=dict)


def ini_path(gpus: int) -> str:
    """Where FasterTransformer 5.1 and newer looks for its sizes."""
    return f"{MODEL}/1/{weights_folder(gpus)}/config.ini"


def read_parameters(repository: Path, path: str) -> Configuration:
    """The parameters of a ``config.pbtxt``, and its name. ``ConvertError`` if it can't be read."""
    try:
        config = read_pbtxt((repository / path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, PbtxtError) as error:
        raise ConvertError(f"{repository / path} can't be read: {_reason(error)}.") from error
    return Configuration(path, {"name": scalar(config, "name"), **parameters(config)})


def read_ini(repository: Path, path: str) -> Configuration:
    """The section ``[gptj]`` of a ``config.ini``. ``ConvertError`` if it has none or can't be read."""
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string((repository / path).read_text("utf-8"))
        return Configuration(path, dict(parser[SECTION]))
    except KeyError as error:
        raise ConvertError(f"{repository / path} has no section [{SECTION}].") from error
    except (OSError, UnicodeDecodeError, IniError) as error:
        raise ConvertError(f"{repository / path} can't be read: {_reason(error)}.") from error


def infer_manifest(repository: Path) -> Manifest:
    """A manifest for a FasterTransformer repository that somebody else's converter wrote: what it says of itself.

    It lists no files. ``ConvertError`` if the configurations don't give the sizes.
    """
    config = read_parameters(repository, CONFIG).values
    gpus = _number(repository / CONFIG, config, "tensor_para_size")
    path = ini_path(gpus)
    try:
        ini = read_ini(repository, path).values
    except ConvertError:
        ini = {}  # FauxPilot's converter wrote [gpt], which nothing reads
    both = {
        **{key: ini[_INI_NAMES.get(key, key)] for key in _SIZES if _INI_NAMES.get(key, key) in ini},
        **config,
    }
    number = {key: _number(repository / CONFIG, both, key) for key in _SIZES}
    if (dtype := _DTYPES.get(ini.get("weight_data_type", "fp32"))) is None:
        raise ConvertError(
            f"{repository / path} has the unknown weight_data_type {ini['weight_data_type']!r}."
        )
    architecture = Architecture(
        family="gptj",
        layers=number["decoder_layers"],
        heads=number["head_num"],
        head_dim=number["size_per_head"],
        hidden=number["head_num"] * number["size_per_head"],
        inter=number["inter_size"],
        rotary_dim=number["rotary_embedding"],
        positions=_number(repository / CONFIG, {"max_seq_len": "2048", **config}, "max_seq_len"),
        rows=number["vocab_size"],
        bos=number["start_id"],
        eos=number["end_id"],
    )
    return Manifest(architecture=architecture, rows=architecture.rows, gpus=gpus, dtype=dtype)


def configuration_problems(repository: Path, manifest: Manifest, *, foreign: bool = False) -> list[Problem]:
    """Every setting that is not what the manifest says, with its file.

    In a ``foreign`` repository only ``config.pbtxt`` must be there and right.
    """
    problems: list[Problem] = []
    readers = {CONFIG: read_parameters}
    readers |= {
        path: read_parameters for path in manifest.files if PurePosixPath(path).match(f"{OTHERS}/*.pbtxt")
    }
    if manifest.target == "fastertransformer" and not foreign:
        readers[ini_path(manifest.gpus)] = read_ini
    for path, reader in readers.items():
        try:
            found = reader(repository, path)
        except ConvertError as error:
            problems.append(Problem(path, str(error)))
            continue
        problems += _differences(found, _expected(manifest, path))
    return problems


_SIZES: Mapping[str, str] = {  # parameters of config.pbtxt, and what they are called in Architecture
    "head_num": "heads",
    "size_per_head": "head_dim",
    "inter_size": "inter",
    "decoder_layers": "layers",
    "rotary_embedding": "rotary_dim",
    "vocab_size": "",
    "start_id": "",
    "end_id": "eos",
}


def _expected(manifest: Manifest, path: str) -> dict[str, str]:
    """What a file must say; paths by their last parts."""
    architecture = manifest.architecture
    if manifest.target == "ctranslate2":
        return {
            "name": MODEL,
            "engine": "ctranslate2",
            "max_seq_len": str(architecture.positions),
            "vocab_size": str(manifest.rows),
            "end_id": str(architecture.eos),
        }
    sizes = {key: str(getattr(architecture, name)) for key, name in _SIZES.items() if name}
    sizes["vocab_size"] = str(manifest.rows)
    if path.endswith(".ini"):
        return {_INI_NAMES.get(key, key): value for key, value in sizes.items()} | {
            "weight_data_type": manifest.dtype
        }
    return sizes | {
        "name": MODEL,
        "tensor_para_size": str(manifest.gpus),
        "pipeline_para_size": "1",
        "model_type": "GPT-J",
        "model_checkpoint_path": f"{MODEL}/1/{weights_folder(manifest.gpus)}",
    }


def _differences(found: Configuration, expected: Mapping[str, str]) -> list[Problem]:
    problems = []
    for key, right in expected.items():
        value = found.values.get(key)
        if value is None:
            problems.append(Problem(found.path, f"lacks {key}, which is {right}"))
        elif not _same(key, value, right):
            problems.append(Problem(found.path, f"says {key} {value}, but the weights are of {right}"))
    return problems


def _same(key: str, value: str, right: str) -> bool:
    if key == "model_checkpoint_path":
        parts = PurePosixPath(right).parts
        return PurePosixPath(value).parts[-len(parts) :] == parts
    return value == right


def _number(path: Path, values: Mapping[str, str], key: str) -> int:
    value = values.get(key, "")
    if not value.isascii() or not value.isdecimal() or len(value) > _MOST_DIGITS:
        raise ConvertError(f"{path} gives no number for {key}: {value[:_SHOWN]!r}.")
    return int(value)


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
