"""Where a completion is asked for, and the text around it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from pilotfish.lsp.documents import Cursor
from pilotfish.lsp.filters import Surroundings

CACHE_BEFORE = 512
CACHE_AFTER = 128
AROUND_LINES = 50


@dataclass(frozen=True, slots=True)
class Query:
    """One request for a completion, as the server understood it."""

    uri: str
    version: int | None
    lines: Sequence[str]
    cursor: Cursor
    language: str
    path: str
    """The path that the prompt's header names, relative to the workspace."""
    characters: int
    """About how long the document is."""
    automatic: bool = True

    @property
    def key(self) -> tuple[int | None, Cursor, bool]:
        """What makes two requests for a document the same one."""
        return self.version, self.cursor, self.automatic


@dataclass(frozen=True, slots=True)
class Place:
    """Where a completion was asked for: all that its text may depend on."""

    uri: str
    cursor: Cursor
    before: str
    """The tail of the text before the cursor, long enough for the cache's key."""
    after: str
    """The head of the text after the cursor, likewise."""
    surroundings: Surroundings


def place_of(query: Query) -> Place:
    """What a completion at a query's cursor may depend on."""
    lines, cursor = query.lines, query.cursor
    line = lines[cursor.line] if cursor.line < len(lines) else ""
    body = line.rstrip("\r\n")
    above = [text.rstrip("\r\n") for text in lines[max(0, cursor.line - AROUND_LINES) : cursor.line]]
    below = [text.rstrip("\r\n") for text in lines[cursor.line + 1 : cursor.line + 1 + AROUND_LINES]]
    before, after = body[: cursor.column], body[cursor.column :]
    head = before[-CACHE_BEFORE:]
    for text in reversed(above):
        if len(head) >= CACHE_BEFORE:
            break
        head = text[-CACHE_BEFORE:] + "\n" + head
    tail = after[:CACHE_AFTER]
    for text in below:
        if len(tail) >= CACHE_AFTER:
            break
        tail += "\n" + text[:CACHE_AFTER]
    return Place(
        query.uri,
        cursor,
        before=head[-CACHE_BEFORE:],
        after=tail[:CACHE_AFTER],
        surroundings=Surroundings(
            before=before,
            after=after,
            above=tuple(above),
            below=tuple(below),
            language=query.language,
        ),
    )


def between(lines: Sequence[str], start: Cursor, end: Cursor) -> str | None:
    """The text from ``start`` to ``end``, or None when it runs backwards or over many lines."""
    if end < start or end.line - start.line > AROUND_LINES or end.line >= len(lines):
        return None
    if start.line == end.line:
        return lines[start.line][start.column : end.column]
    parts = [
        lines[start.line][start.column :],
        *lines[start.line + 1 : end.line],
        lines[end.line][: end.column],
    ]
    return "".join(parts).replace("\r\n", "\n")
