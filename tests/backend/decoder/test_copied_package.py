"""The decoder as a converted model's repository has it: copied, beside a Python that is not ours."""

import ast
import sys
from pathlib import Path

import pytest

from pilotfish.backend import decoder

SOURCES = sorted(Path(path) for folder in decoder.__path__ for path in Path(folder).glob("*.py"))
TRITONS_PYTHON = (3, 10)
"""The oldest that the images of supported Triton releases bring."""
LIBRARIES = {"numpy", "ctranslate2", "triton_python_backend_utils"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_an_older_python_can_read_it(path: Path) -> None:
    """Its grammar; the interpreter is the image's."""
    ast.parse(path.read_text("utf-8"), feature_version=TRITONS_PYTHON)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_it_needs_nothing_of_ours(path: Path) -> None:
    """Only itself, by relative imports, numpy, CTranslate2, and what Triton brings."""
    allowed = (
        LIBRARIES | sys.stdlib_module_names | ({"pilotfish_decoder"} if path.name == "model.py" else set())
    )
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1 or (node.module or "").partition(".")[0] in allowed
