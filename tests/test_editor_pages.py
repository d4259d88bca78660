"""The pages of docs/editors show what is printed and typed."""

from pathlib import Path

import pytest

from harness.helix import README
from pilotfish.lsp.setup import Paths, lines

PAGES = Path(__file__).parents[1] / "docs/editors"
YOURS = Paths("/home/you/.local/share/pilotfish/bin/pilotfish")
"""The paths of the pages' reader, who has followed the README."""


@pytest.mark.parametrize(
    ("page", "editor", "file"),
    [
        ("helix.md", "helix", "languages.toml"),
        ("helix.md", "helix", "config.toml"),
        ("kakoune.md", "kakoune", "kakrc"),
    ],
)
def test_a_page_shows_what_setup_prints(page: str, editor: str, file: str) -> None:
    """Who would rather paste than append finds the same lines, word for word."""
    assert f"\n{lines(editor, file, YOURS).strip()}\n" in (PAGES / page).read_text("utf-8")


def test_the_page_of_helix_has_the_lines_that_are_tested() -> None:
    """What the tests type into a fresh home stands in the page as it is."""
    assert "\n".join(README) in (PAGES / "helix.md").read_text("utf-8")
