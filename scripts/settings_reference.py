"""Writes the tables of docs/settings.md from the settings themselves.

Without an argument the file is rewritten; `--check` only says whether it would change. The texts are the docstrings
below the fields in lsp/settings.py, which a running program can't see: they are read from the source.
"""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pilotfish.lsp.secret import Secret
from pilotfish.lsp.settings import Settings
from pilotfish.lsp.settings_layers import SPECS, VARIABLES

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "settings.md"
BEGIN, END = "<!-- from lsp/settings.py: begin -->", "<!-- from lsp/settings.py: end -->"


def docstrings() -> dict[str, dict[str, str]]:
    """The docstring below each field, by class and field."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse((ROOT / "lsp" / "settings.py").read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            texts = found.setdefault(node.name, {})
            for field, text in zip(node.body, node.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    assert isinstance(field.target, ast.Name)
                    assert isinstance(text.value, ast.Constant)
                    texts[field.target.id] = " ".join(str(text.value.value).split())
    return found


def default(value: object) -> str:
    """A default as one would write it in a configuration file."""
    if value is None:
        return '`"auto"`'
    if value in ("", (), Secret()):
        return "none"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def marks(name: str) -> str:
    """What restricts a setting."""
    spec = SPECS[name]
    if spec.guarded("name"):
        return "Not from an untrusted workspace."
    return "A path not from an untrusted workspace." if spec.guarded("/a/path") else ""


def cell(text: str) -> str:
    """A docstring as a cell of a Markdown table."""
    return text.replace("``", "`").replace("|", "\\|").replace(" (None here)", "")


def tables() -> Iterator[str]:
    """The sections of the document."""
    texts, variables = docstrings(), {name: variable for variable, name in VARIABLES.items()}
    by_section: dict[str, list[str]] = {}
    for name in SPECS:
        by_section.setdefault(name.rpartition(".")[0], []).append(name)
    for section, names in sorted(by_section.items(), key=lambda item: item[0] == ""):
        tree = getattr(Settings(), section) if section else Settings()
        yield f"## {section or 'Others'}\n"
        if section:
            yield f"{cell(texts['Settings'][section])}\n"
        yield "| setting | default | takes | meaning |\n|---|---|---|---|"
        for name in names:
            field = name.rpartition(".")[2]
            meaning = " ".join(filter(None, [cell(texts[type(tree).__name__][field]), marks(name)]))
            names_of_it = f"`{name}`" + ("" if SPECS[name].user_only else f"<br>`{variables[name]}`")
            takes = cell(SPECS[name].kind.expected)
            yield f"| {names_of_it} | {default(getattr(tree, field))} | {takes} | {meaning} |"
        yield ""


def rendered() -> str:
    """The whole document as it should be."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    return before + "\n".join([BEGIN, *tables(), END]) + rest.partition(END)[2]


if __name__ == "__main__":
    new = rendered()
    if "--check" in sys.argv:
        sys.exit(None if new == DOCUMENT.read_text("utf-8") else "docs/settings.md is old: make settings")
    DOCUMENT.write_text(new, "utf-8")
