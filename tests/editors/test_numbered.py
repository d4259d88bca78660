"""Each thing that we promise of an editor is a test of its own, for every editor."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EDITORS = ("vscode", "neovim", "helix", "emacs")
PROMISED = (*(f"test_{number}_" for number in range(1, 9)), "test_latency")


@pytest.mark.parametrize("editor", EDITORS)
def test_every_promise_has_a_test(editor: str) -> None:
    """By its number, in one test or several: from the first start (1) to the team's backend (8)."""
    names = [
        node.name
        for path in HERE.glob(f"test_{editor}*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    missing = [name for name in PROMISED if not any(one.startswith(name) for one in names)]
    assert not missing
