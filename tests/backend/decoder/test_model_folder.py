"""A CTranslate2 folder's sizes, read without loading it."""

import json
import shutil
from pathlib import Path

import pytest

from harness.tiny_ct2 import HEAD_DIM, HEADS, ROWS
from pilotfish.backend.decoder.model_folder import ModelFolderError, read_model_folder


def copied(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def test_sizes_come_from_the_weights(tiny_model: Path) -> None:
    """Layers, width, and the vocabulary in the order of the ids."""
    folder = read_model_folder(tiny_model)
    assert (folder.layers, folder.hidden, len(folder.vocabulary)) == (2, HEADS * HEAD_DIM, ROWS)
    assert folder.vocabulary[17] == "token17"


def test_a_changed_file_has_another_stamp(tiny_model: Path, tmp_path: Path) -> None:
    """Also one that is gone."""
    folder = read_model_folder(copied(tiny_model, tmp_path))
    before = folder.stamp()
    (tmp_path / "model" / "model.bin").unlink()
    assert folder.stamp() != before


@pytest.mark.parametrize("kept", [0, 3, 40, 5000, -100])
def test_a_file_that_is_cut_off_is_named(tiny_model: Path, tmp_path: Path, kept: int) -> None:
    """Wherever it ends."""
    weights = copied(tiny_model, tmp_path) / "model.bin"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ModelFolderError, match=r"model\.bin is cut off"):
        read_model_folder(tmp_path / "model")


def test_other_files_are_refused_by_name(tiny_model: Path, tmp_path: Path) -> None:
    """A later format, no folder, a vocabulary that is none or does not fit."""
    with pytest.raises(ModelFolderError, match=r"model\.bin: No such file"):
        read_model_folder(tmp_path)
    folder = copied(tiny_model, tmp_path)
    vocabulary = json.loads((folder / "vocabulary.json").read_text())
    for wrong, complaint in (
        (vocabulary[:-1], "299 different tokens"),
        ([*vocabulary[:-1], vocabulary[0]], "299 different tokens"),
        ({"a": 1}, "no list of tokens"),
    ):
        (folder / "vocabulary.json").write_text(json.dumps(wrong))
        with pytest.raises(ModelFolderError, match=complaint):
            read_model_folder(folder)
    (folder / "vocabulary.json").write_text("{")
    with pytest.raises(ModelFolderError, match=r"vocabulary\.json"):
        read_model_folder(folder)
    (folder / "model.bin").write_bytes(b"\7\0\0\0")
    with pytest.raises(ModelFolderError, match="format 7"):
        read_model_folder(folder)
