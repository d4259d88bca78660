"""An editor in front of a language server: initialization, documents and requests in LSP's words."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from harness.documents import Encoding, TextDocument
from harness.lsp_client import DEADLINE, LspClient, Request, Response

INVOKED = 1
AUTOMATIC = 2
INLINE: Mapping[str, Any] = {"textDocument": {"inlineCompletion": {}, "synchronization": {}}}
"""Capabilities of a client that shows ghost text."""


class Editor:
    """An initialized client with its open documents."""

    def __init__(self, client: LspClient, root: Path | None = None) -> None:
        self.client = client
        self.root = root
        self.capabilities: dict[str, Any] = {}
        """The server's, once initialized."""
        self.documents: dict[str, TextDocument] = {}

    async def initialize(
        self,
        *,
        options: object = None,
        capabilities: Mapping[str, Any] = INLINE,
        encodings: Sequence[str] | None = None,
        name: str = "harness",
    ) -> Self:
        """Initialize. `options` are the initializationOptions, `encodings` the position encodings offered."""
        general = {} if encodings is None else {"general": {"positionEncodings": list(encodings)}}
        folder = None if self.root is None else {"uri": self.root.as_uri(), "name": self.root.name}
        params = {
            "processId": os.getpid(),
            "clientInfo": {"name": name, "version": "1"},
            "rootUri": folder and folder["uri"],
            "workspaceFolders": folder and [folder],
            "capabilities": {**capabilities, **general},
            "initializationOptions": options,
        }
        response = await self.client.request("initialize", params).response()
        assert response.error is None, response.error
        self.capabilities = response.result["capabilities"]
        self.client.notify("initialized", {})
        return self

    async def ready(self, deadline: float = DEADLINE) -> None:
        """Wait until the server says that it has a backend. Raises AssertionError after `deadline` seconds."""
        await self.client.wait_for(
            lambda: any(
                params["state"] in {"ready", "working"} for params in self.client.received("pilotfish/status")
            ),
            what="pilotfish/status ready",
            deadline=deadline,
        )

    @property
    def encoding(self) -> Encoding:
        """The encoding of positions that was agreed on."""
        agreed: Encoding = self.capabilities.get("positionEncoding", "utf-16")
        return agreed

    def open(self, uri: str, text: str, language: str = "python") -> TextDocument:
        """Open a document. `uri` may be a bare name: a file in the root."""
        if ":" not in uri:
            uri = ((self.root or Path("/nowhere")) / uri).as_uri()
        document = TextDocument(uri, text, language, self.encoding)
        self.documents[uri] = document
        item = {"uri": uri, "languageId": language, "version": document.version, "text": text}
        self.client.notify("textDocument/didOpen", {"textDocument": item})
        return document

    def replace(self, document: TextDocument, start: int, end: int, text: str) -> float:
        """Replace [start, end) by `text`, incrementally; the time at which the change was sent."""
        return self._changed(document, document.replace(start, end, text))

    def insert(self, document: TextDocument, offset: int, text: str) -> float:
        """Insert `text`; the time at which the change was sent."""
        return self.replace(document, offset, offset, text)

    def set_text(self, document: TextDocument, text: str) -> float:
        """Replace everything by a change without a range."""
        document.text = text
        document.version += 1
        return self._changed(document, {"text": text})

    def close(self, document: TextDocument) -> None:
        """Close a document."""
        del self.documents[document.uri]
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": document.uri}})

    def ask(self, document: TextDocument, offset: int, kind: int = AUTOMATIC) -> Request:
        """Send `textDocument/inlineCompletion` for an offset."""
        return self.ask_at(document.uri, document.position(offset), kind)

    def ask_at(self, uri: str, position: Mapping[str, int], kind: int = AUTOMATIC) -> Request:
        """Send `textDocument/inlineCompletion` for any position, valid or not."""
        params = {
            "textDocument": {"uri": uri},
            "position": dict(position),
            "context": {"triggerKind": kind},
        }
        return self.client.request("textDocument/inlineCompletion", params)

    async def line(self, document: TextDocument, offset: int, kind: int = AUTOMATIC) -> str:
        """The first line of `ghost`: what is asked for by hand may have several."""
        return (await self.ghost(document, offset, kind)).split("\n")[0]

    async def ghost(self, document: TextDocument, offset: int, kind: int = AUTOMATIC) -> str:
        """Ask, and the ghost text of the first item ("" when there is none). Raises InvalidItemError."""
        caret = document.caret(offset)
        response = await self.ask(document, offset, kind).response()
        return caret.ghost_text(response.items[0]) if response.items else ""

    async def command(self, name: str, *arguments: object) -> Response:
        """Run `workspace/executeCommand`."""
        params = {"command": name, "arguments": list(arguments)}
        return await self.client.request("workspace/executeCommand", params).response()

    async def line_within(
        self, document: TextDocument, offset: int, *, deadline: float, kind: int = INVOKED, every: float = 0.2
    ) -> str:
        """Ask again and again until something is shown; its first line, or "" after `deadline` seconds."""
        end = asyncio.get_running_loop().time() + deadline
        while True:
            shown = await self.line(document, offset, kind)
            if shown or asyncio.get_running_loop().time() > end:
                return shown
            await asyncio.sleep(every)

    def _changed(self, document: TextDocument, change: dict[str, Any]) -> float:
        identifier = {"uri": document.uri, "version": document.version}
        params = {"textDocument": identifier, "contentChanges": [change]}
        return self.client.notify("textDocument/didChange", params)
