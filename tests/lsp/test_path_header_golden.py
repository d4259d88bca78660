"""The line that names a file is the one that the backend trains models on; its test reads the same golden file."""

import json
from pathlib import Path

import pytest

from pilotfish.lsp.context import Cursor, Style, build_prompt, warm_prompt

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "path_headers.json").read_text("utf-8"))
LEFT_TO_RIGHT, FILLS_IN = Style(), Style(fim=True)


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: f"{row['path']} as {row['language']}")
def test_a_prompt_begins_with_the_golden_header(row: dict[str, str]) -> None:
    """Whatever an editor calls the language of a file, its prompts begin with the same line, and so do warmed ones."""
    path, language, header = row["path"], row["language"], row["header"]
    for style in (LEFT_TO_RIGHT, FILLS_IN):
        prompt = build_prompt(
            ["x = 1", "y"], Cursor(1, 1), path=path, language=language, anchor=None, style=style
        )
        assert prompt.prefix == f"{header}x = 1\ny"
        warm, _ = warm_prompt(["x = 1"], path=path, language=language, style=style)
        assert warm == f"{header}x = 1\n"


def test_the_golden_file_has_all_families() -> None:
    """The golden file is no short list: 60 paths and more, and each way to write a comment."""
    assert len({row["path"] for row in GOLDEN}) >= 60
    beginnings = {row["header"].partition("Path: ")[0] for row in GOLDEN if row["header"]}
    assert beginnings == {"# ", "// ", "-- ", ";; ", "; ", "% ", "<!-- ", "/* ", "(* ", '" '}
