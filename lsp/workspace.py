"""Hooks ``TextBuffer`` into pygls, for text documents and for the cells of notebooks.

pygls keeps a document as one string and splits it into lines for every change. Here a change costs what it
changes, and the string is built only for whoever asks for it.
"""

from collections import deque
from collections.abc import Sequence
from typing import cast, get_args
from urllib.parse import unquote

from lsprotocol import types
from pygls.protocol import LanguageServerProtocol
from pygls.workspace import PositionCodec, TextDocument
from pygls.workspace import Workspace as PyglsWorkspace

from pilotfish.lsp.documents import Edit, Encoding, TextBuffer

_REMEMBERED_EDITS = 1000
"""Edits that are kept for ``take_edits``: far more than one notification brings."""


class Document(TextDocument):
    """A document that the client has open, or, without ``source``, a file on disk as pygls reads it."""

    buffer: TextBuffer

    def __init__(
        self,
        uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
        *,
        position_codec: PositionCodec | None = None,
    ) -> None:
        super().__init__(uri, None, version, language_id, position_codec=position_codec)
        self.is_open = source is not None
        self.buffer = TextBuffer(source or "", _encoding(self.position_codec))
        self._edits: deque[Edit] = deque(maxlen=_REMEMBERED_EDITS)

    @property
    def source(self) -> str:
        """The whole text, built anew by each call."""
        return self.buffer.text if self.is_open else super().source

    @property
    def lines(self) -> Sequence[str]:
        """The lines with their ends, without the empty one after the last line end, as pygls has it."""
        lines = self.buffer.lines if self.is_open else TextBuffer(self.source).lines
        return tuple(lines if lines[-1] else lines[:-1])

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Apply one change of a ``didChange`` notification."""
        if isinstance(change, types.TextDocumentContentChangePartial):
            self._edits.append(self.buffer.apply(change.range, change.text))
        else:
            self._edits.append(self.buffer.rewrite(change.text))

    def take_edits(self) -> list[Edit]:
        """The edits since the last call, oldest first; each counts positions as the one before left them."""
        edits = list(self._edits)
        self._edits.clear()
        return edits


class Workspace(PyglsWorkspace):
    """pygls' workspace with documents that are edited in place."""

    def open_document(self, uri: str) -> Document | None:
        """The document or notebook cell of that URI if the client has it open; never a file from disk."""
        document = self.text_documents.get(unquote(uri))
        return document if isinstance(document, Document) else None

    def update_text_document(
        self,
        text_doc: types.VersionedTextDocumentIdentifier,
        change: types.TextDocumentContentChangeEvent,
    ) -> None:
        """Apply a change, unless the document is not open: VS Code sends one between closing and opening again."""
        if self.open_document(text_doc.uri) is not None:
            super().update_text_document(text_doc, change)

    def _create_text_document(
        self,
        doc_uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
    ) -> Document:
        return Document(doc_uri, source, version, language_id, position_codec=self.position_codec)


def _encoding(codec: PositionCodec) -> Encoding:
    """The code units in which the client counts columns."""
    name = str(getattr(codec.encoding, "value", codec.encoding))
    return cast("Encoding", name) if name in get_args(Encoding) else "utf-16"


def install(protocol: LanguageServerProtocol) -> Workspace:
    """Give a server our workspace: to be called by its handler of ``initialize``, before a document is open.

    pygls names its workspace's class in the function that answers ``initialize``, so it can't be told earlier.
    """
    made = protocol.workspace
    workspace = Workspace(made.root_uri, made._sync_kind, list(made.folders.values()), made.position_encoding)  # noqa: SLF001
    protocol._workspace = workspace  # noqa: SLF001
    return workspace
