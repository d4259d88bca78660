"""From a place in the protocol's terms to what is asked there, or to nothing where nothing may leave the editor."""

import logging
from collections.abc import Callable
from pathlib import PurePosixPath

from lsprotocol import types
from pygls.workspace import Workspace as AnyWorkspace

from pilotfish.lsp.exclusion import why_excluded
from pilotfish.lsp.handshake import Handshake, file_of
from pilotfish.lsp.place import Query
from pilotfish.lsp.workspace import Document, Workspace

log = logging.getLogger(__name__)

BINARY_LINES = 1000
"""Lines in which a NUL shows that a document is no text."""


class Queries:
    """Makes queries of the open documents, and remembers which of them are excluded."""

    def __init__(self, workspace: Callable[[], AnyWorkspace], handshake: Handshake) -> None:
        self._workspace = workspace
        self._handshake = handshake
        self._excluded: dict[str, str | None] = {}

    def forget(self) -> None:
        """Look anew at what is excluded: the settings changed."""
        self._excluded.clear()

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self._excluded.pop(uri, None)

    def document(self, uri: str) -> Document | None:
        """An open document; pygls would otherwise read a file that nobody opened."""
        workspace = self._workspace()
        return workspace.open_document(uri) if isinstance(workspace, Workspace) else None

    def query(self, uri: str, position: types.Position, *, automatic: bool) -> Query | None:
        """What is asked for, or None where nothing may be."""
        document = self.document(uri)
        if document is None:
            return None
        if uri not in self._excluded:
            self._excluded[uri] = self._why_excluded(document)
            if self._excluded[uri]:
                log.info("not completed in: %s", self._excluded[uri])
        if self._excluded[uri]:
            return None
        return Query(
            uri=uri,
            version=document.version,
            lines=document.buffer.lines,
            cursor=document.buffer.cursor(position.line, position.character),
            language=document.language_id or "",
            path=self._header_path(uri),
            characters=document.buffer.characters,
            automatic=automatic,
        )

    def _why_excluded(self, document: Document) -> str | None:
        if any("\0" in line for line in document.buffer.lines[:BINARY_LINES]):
            return "it is binary"
        path, settings = file_of(document.uri), self._handshake.configuration.settings
        resolved = str(path.resolve()) if path is not None else None
        return why_excluded(
            document.uri,
            document.language_id or "",
            resolved=resolved,
            root=str(self._handshake.root) if self._handshake.root else None,
            exclude=settings.exclude,
            disabled=settings.languages.disabled,
        )

    def _header_path(self, uri: str) -> str:
        """The path that the prompt names: relative to the workspace, with forward slashes."""
        path = file_of(uri)
        if path is None:
            return PurePosixPath(uri.split(":", 1)[-1]).name
        if self._handshake.root is not None and path.is_relative_to(self._handshake.root):
            return path.relative_to(self._handshake.root).as_posix()
        return path.name
