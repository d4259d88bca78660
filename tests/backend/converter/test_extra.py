"""The extra `convert`: what `pip install '.[convert]'` brings, on the host and in the proxy's image."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_extra_brings_all_that_converting_and_verifying_import() -> None:
    """Nobody learns after an hour of converting that the model can't be verified for want of a library."""
    imported = {
        name.partition(".")[0]
        for path in (ROOT / "backend" / "converter").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _names(node)
    }
    foreign = imported - sys.stdlib_module_names - {"pilotfish"}
    assert {"numpy", "ctranslate2"} <= foreign
    assert foreign <= _extra("convert")


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or ""]
    return []


def _extra(name: str) -> set[str]:
    """The modules of an extra's libraries; their distributions are called the same, but for dashes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"][name]]
    return {match[0].replace("-", "_") for line in lines if (match := re.match(r"[\w-]+", line))}
