"""The file that the demonstration types into, read and looked through."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from pilotfish.lsp.demo_places import Place, choose_places

EXAMPLE_MODULES = ("textwrap", "configparser", "argparse")
"""Modules of Python's own library to type into: the first that is there as source."""
LARGEST = 1 << 20
LANGUAGES = {
    **dict.fromkeys([".c", ".h"], "c"),
    **dict.fromkeys([".cc", ".cpp", ".hpp"], "cpp"),
    ".cs": "csharp",
    ".dart": "dart",
    ".ex": "elixir",
    ".go": "go",
    ".hs": "haskell",
    ".java": "java",
    ".jl": "julia",
    ".js": "javascript",
    ".jsx": "javascriptreact",
    ".kt": "kotlin",
    ".lua": "lua",
    ".ml": "ocaml",
    ".php": "php",
    ".pl": "perl",
    ".py": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rs": "rust",
    ".scala": "scala",
    ".sh": "shellscript",
    ".sql": "sql",
    ".swift": "swift",
    ".ts": "typescript",
    ".tsx": "typescriptreact",
    ".zig": "zig",
}
"""LSP language ids by file name extension."""


class SubjectError(Exception):
    """Why a file can't be typed into; the text is for the user."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The file that is typed into."""

    path: Path
    text: str
    language: str
    """LSP language id."""
    places: list[Place]

    def copy_to(self, folder: Path) -> Path:
        """Write a copy, alone in a workspace of its own; the copy's path."""
        copy = folder / "workspace" / self.path.name
        copy.parent.mkdir()
        copy.write_text(self.text, "utf-8")
        return copy


def read_subject(file: Path | None) -> Subject:
    """Read the file, or a module of Python's own library. Raises ``SubjectError``."""
    path = file or _example()
    try:
        if path.stat().st_size > LARGEST:
            raise SubjectError(f"{path} is larger than {LARGEST >> 20} MiB")
        text = path.read_text("utf-8")
    except OSError as error:
        raise SubjectError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SubjectError(f"{path} is not a text in UTF-8") from error
    language = LANGUAGES.get(path.suffix.lower(), "plaintext")
    places = choose_places(text.split("\n"), language=language)
    if not places:
        raise SubjectError(f"{path} has no indented statements, two below each other, to type again")
    return Subject(path, text, language, places)


def _example() -> Path:
    for name in EXAMPLE_MODULES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            return Path(spec.origin)
    raise SubjectError("this Python has no sources of its library; name a file: pilotfish demo FILE")
