"""What a CTranslate2 model folder says of the model, read without loading it.

The binary format: https://github.com/OpenNMT/CTranslate2/blob/master/python/ctranslate2/specs/model_spec.py
"""

import json
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MODEL_FILE = "model.bin"
VOCABULARY_FILE = "vocabulary.json"
_LATER_FORMATS = 6  # the format since CTranslate2 3.0; later ones would have to be read first
_EMBEDDINGS = "decoder/embeddings/weight"
_LAYER = re.compile(r"decoder/layer_(\d+)/")


class ModelFolderError(ValueError):
    """The folder holds no decoder that CTranslate2 could load; the message names the file."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model's sizes and its vocabulary."""

    path: Path
    layers: int
    hidden: int
    """Width of the model."""
    vocabulary: tuple[str, ...]
    """Names of the tokens, in the order of their ids; CTranslate2's interface takes names."""

    def stamp(self) -> tuple[int, int, int]:
        """Changes when the weights' file is another one, or is gone."""
        try:
            found = (self.path / MODEL_FILE).stat()
        except OSError:
            return 0, 0, 0
        return found.st_ino, found.st_size, found.st_mtime_ns


def read_model_folder(path: Path) -> ModelFolder:
    """Read the sizes. Raises ModelFolderError, which says what is missing or does not fit."""
    try:
        with (path / MODEL_FILE).open("rb") as file:
            shapes = dict(_variables(file))
        vocabulary = json.loads((path / VOCABULARY_FILE).read_text("utf-8"))
    except OSError as error:
        raise ModelFolderError(
            f"{error.filename}: {error.strerror}: not a CTranslate2 model folder"
        ) from error
    except (struct.error, UnicodeDecodeError) as error:
        raise ModelFolderError(f"{path / MODEL_FILE} is cut off, or no CTranslate2 model") from error
    except ValueError as error:
        raise ModelFolderError(f"{path / VOCABULARY_FILE}: {error}") from error
    embeddings = shapes.get(_EMBEDDINGS, ())
    if len(embeddings) != 2:
        raise ModelFolderError(f"{path / MODEL_FILE} holds no {_EMBEDDINGS}: not a decoder")
    rows, hidden = embeddings
    if not (isinstance(vocabulary, list) and all(isinstance(token, str) for token in vocabulary)):
        raise ModelFolderError(f"{path / VOCABULARY_FILE} is no list of tokens")
    if not rows == len(vocabulary) == len(set(vocabulary)):
        raise ModelFolderError(
            f"{path / VOCABULARY_FILE} names {len(set(vocabulary))} different tokens, "
            f"the model's embeddings have {rows} rows: convert it again"
        )
    layers = {found[1] for name in shapes if (found := _LAYER.match(name))}
    return ModelFolder(path=path, layers=len(layers), hidden=hidden, vocabulary=tuple(vocabulary))


def _variables(file: BinaryIO) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every variable; raises struct.error where the file ends too early."""
    size = os.fstat(file.fileno()).st_size
    (version,) = _unpack(file, "<I")
    if version != _LATER_FORMATS:
        raise ModelFolderError(f"{file.name}: format {version} is not the known one, {_LATER_FORMATS}")
    _string(file)  # the specification's name
    _unpack(file, "<I")  # and its revision
    (count,) = _unpack(file, "<I")
    for _ in range(count):
        name = _string(file)
        (rank,) = _unpack(file, "<B")
        shape = _unpack(file, f"<{rank}I")
        _type, length = _unpack(file, "<BI")
        if file.seek(length, os.SEEK_CUR) > size:
            raise struct.error(f"{name} goes beyond the file's end")
        yield name, shape


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<H")
    return file.read(length).removesuffix(b"\0").decode("utf-8")


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
