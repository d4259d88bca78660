"""Source files to type into, and places in them that no completion was asked for yet."""

import argparse
import inspect
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass

from harness.documents import TextDocument
from harness.editor import Editor
from harness.lsp_client import Request


def source(module: types.ModuleType) -> str:
    """A standard library module's source."""
    return inspect.getsource(module)


SMALL = source(textwrap)
"""About 20 kB."""
MIDDLE = source(argparse)
"""About 100 kB, as large as files get that people type into."""


def large(size: int = 2_300_000) -> str:
    """A document of that many characters, with about as many lines as source code has."""
    return (MIDDLE * (size // len(MIDDLE) + 1))[:size]


@dataclass(frozen=True, slots=True)
class Fresh:
    """A place to type one character at: the rest of its line has to go first."""

    offset: int
    end: int
    character: str


def fresh_places(text: str, *, count: int, lines_apart: int = 6) -> Iterator[Fresh]:
    """Places from the end of `text` upwards, so that the offsets of those to come stay right."""
    found, offset, apart = 0, len(text), lines_apart
    for line in reversed(text.splitlines(keepends=True)):
        offset -= len(line)
        apart += 1
        body = line.rstrip("\n")
        column = _column(body)
        if column is None or apart < lines_apart:
            continue
        yield Fresh(offset + column, offset + len(body), body[column])
        found, apart = found + 1, 0
        if found == count:
            return


def _column(line: str) -> int | None:
    """Where a word begins in the second half of a line that is code and long enough."""
    if len(line.strip()) < 24 or line.lstrip().startswith(("#", '"', "'")):
        return None
    for column in range(len(line) // 2, len(line) - 6):
        if line[column].isalpha() and not line[column - 1].isalnum() and line[column - 1] != "_":
            return column
    return None


def clear(editor: Editor, document: TextDocument, place: Fresh) -> None:
    """Delete the rest of the line, as the person did some time before."""
    editor.replace(document, place.offset, place.end, "")


def key_and_ask(editor: Editor, document: TextDocument, place: Fresh, kind: int) -> tuple[float, Request]:
    """Type the place's character and ask behind it; when the key was sent, and the request."""
    sent = editor.insert(document, place.offset, place.character)
    return sent, editor.ask(document, place.offset + 1, kind)
