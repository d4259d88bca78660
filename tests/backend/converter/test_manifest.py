"""`pilotfish.json`, as it is written and as a stranger may have changed it."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.converter.manifest import NAME, FileEntry, Manifest
from pilotfish.backend.converter.problems import ConvertError

MANIFEST = Manifest(
    source="codegen-350M-multi",
    architecture=Architecture(layers=20, heads=16, head_dim=64, hidden=1024, inter=4096, rows=50295, mp=4),
    rows=50304,
    gpus=2,
    dtype="fp32",
    files={"fastertransformer/config.pbtxt": FileEntry(12, "ab" * 32)},
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Everything, and as JSON that a person can read."""
    MANIFEST.write(tmp_path)
    assert Manifest.read(tmp_path) == MANIFEST
    assert json.loads((tmp_path / NAME).read_text())["format"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "has format 2; this version knows 1"),
        ({"format": None}, "has format None"),
        ({"surprise": 1}, "surprise"),
        ({"rows": "50304"}, "its rows is '50304'"),
        ({"gpus": None}, "its gpus is None"),
        ({"architecture": {"layers": "many"}}, "its layers is 'many'"),
        ({"architecture": {"legs": 4}}, "legs"),
        ({"architecture": None}, "damaged"),
        ({"target": []}, "its target is []"),
        ({"dtype": {}}, "its dtype is {}"),
        ({"quantization": ["int8"]}, "its quantization is ['int8']"),
        ({"files": []}, "damaged"),
        ({"files": {"a\0b": {"bytes": 1, "sha256": ""}}}, "'a\\x00b'"),
        ({"files": {"a\ud800": {"bytes": 1, "sha256": ""}}}, "'a\\ud800'"),
        ({"files": {"a": {"bytes": "many", "sha256": ""}}}, "'a'"),
        ({"files": {"a": {"bytes": 1}}}, "sha256"),
        ({"files": {"/etc/passwd": {"bytes": 1, "sha256": ""}}}, "/etc/passwd"),
        ({"files": {"a/../../b": {"bytes": 1, "sha256": ""}}}, "a/../../b"),
    ],
)
def test_one_that_makes_no_sense_is_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    """By its file, and no path in it leads out of the repository."""
    found = json.loads(MANIFEST.text()) | changes
    (tmp_path / NAME).write_text(json.dumps(found))
    with pytest.raises(ConvertError) as caught:
        Manifest.read(tmp_path)
    assert said in str(caught.value)
    assert str(tmp_path / NAME) in str(caught.value)


def test_a_folder_without_one_was_made_by_another(tmp_path: Path) -> None:
    """Which is said."""
    with pytest.raises(ConvertError, match="was not made by pilotfish-backend convert"):
        Manifest.read(tmp_path)
