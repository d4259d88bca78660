"""Each thing that we promise of an editor is a test of its own, for every editor."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EDITORS = ("vscode", "neovim", "helix", "emacs")
PROMISED = (
    *("test_1_first_start", "test_2_ghost_text", "test_3_typing", "test_4_wide_characters", "test_5_silence"),
    *("test_6_killed_backend", "test_7_windows_share", "test_8_team_backend", "test_latency"),
)


@pytest.mark.parametrize("editor", EDITORS)
def test_every_promise_has_a_test(editor: str) -> None:
    """By the beginning of its name: test_5_silence, or test_5_silence_in_secrets and so on."""
    names = [
        node.name
        for path in HERE.glob(f"test_{editor}*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    missing = [name for name in PROMISED if not any(one.startswith(name) for one in names)]
    assert not missing
