"""Which lines of a file are pinned as imports."""

import pytest

from pilotfish.lsp.documents import split_lines
from pilotfish.lsp.imports import SEARCHED_LINES, pinned_imports

CASES = {
    "python": ("import os\nx = 1\nfrom a.b import (\n    c,\n)\n    import inner\nimportant = 2\nfrom . import d\n",
               "import os\nfrom a.b import (\n    c,\n)\nfrom . import d\n"),
    "typescript": ("import {\n  A,\n} from './a';\nconst fs = require('fs');\nimport('lazy');\nimported();\n",
                   "import {\n  A,\n} from './a';\nconst fs = require('fs');\n"),
    "go": ('package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nimport "io"\n',
           'import (\n\t"fmt"\n\t"os"\n)\nimport "io"\n'),
    "rust": ("use std::{\n    io,\n};\npub use a::b;\nused();\n", "use std::{\n    io,\n};\npub use a::b;\n"),
    "java": ("package a;\nimport a.B;\nimport static a.C.d;\n", "import a.B;\nimport static a.C.d;\n"),
    "cpp": ('#include <vector>\n# include "a.h"\n#define X\nusing std::string;\n',
            '#include <vector>\n# include "a.h"\nusing std::string;\n'),
    "csharp": ("using System;\nuser.Do();\n", "using System;\n"),
    "ruby": ("require 'set'\nrequire_relative 'a'\n", "require 'set'\nrequire_relative 'a'\n"),
    "plaintext": ("import this\n", ""),
}  # fmt: skip


@pytest.mark.parametrize("language", CASES)
def test_languages(language: str) -> None:
    """Top-level imports are found, with all their lines, and nothing that only looks like one."""
    text, pinned = CASES[language]
    lines = split_lines(text)
    assert pinned_imports(lines, len(lines), language, 1000) == pinned


def test_only_above() -> None:
    """An import in the window, or one that reaches into it, is not repeated."""
    lines = split_lines("import a\nimport b\nfrom c import (\n    d,\n)\nx\n")
    assert pinned_imports(lines, 1, "python", 1000) == "import a\n"
    assert pinned_imports(lines, 3, "python", 1000) == "import a\nimport b\n"
    assert pinned_imports(lines, 0, "python", 1000) == ""


def test_budget() -> None:
    """When not all fit, whole statements are left out, the upper ones first."""
    lines = split_lines("import aaaa\nimport bb\nimport cccccccccccccccc\nimport d\n")
    assert pinned_imports(lines, 5, "python", 20) == "import bb\nimport d\n"
    assert pinned_imports(lines, 5, "python", 0) == ""


def test_bounded_search() -> None:
    """A file without imports costs no more however long it is; far down and very long ones are not taken."""
    lines = ["x = 1\n"] * SEARCHED_LINES + ["import late\n"]
    assert pinned_imports(lines, len(lines), "python", 1000) == ""
    assert pinned_imports(["import " + "a" * 2000 + "\n", "import b\n"], 2, "python", 10_000) == "import b\n"


def test_line_ends() -> None:
    r"""Whatever the document's line ends, the pinned block has ``\n``."""
    assert pinned_imports(["import a \r\n", "import b\r"], 2, "python", 100) == "import a\nimport b\n"


def test_brackets_that_never_close() -> None:
    """A statement whose brackets stay open is left out, and what follows is still found."""
    lines = split_lines("from a import (\n" + "x,\n" * 30 + "import b\n")
    assert pinned_imports(lines, len(lines), "python", 1000) == "import b\n"
