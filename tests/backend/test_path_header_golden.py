"""The line above a text of a data set is the one in the language server's prompts; its test reads the same file."""

import json
from pathlib import Path

import pytest

from pilotfish.backend.finetune.dataset.path_header import path_header

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "path_headers.json").read_text("utf-8"))
PATHS = {row["path"]: row["header"] for row in GOLDEN}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_has_the_golden_header(path: str) -> None:
    """The name alone gives the line that the language server writes when it is told the language."""
    assert path_header(path) == PATHS[path]


def test_each_path_has_one_header() -> None:
    """However many names editors have for a file's language, the golden file has one header for its path."""
    assert {(row["path"], row["header"]) for row in GOLDEN} == set(PATHS.items())
    assert len(PATHS) >= 60
