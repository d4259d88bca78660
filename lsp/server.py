"""The wiring: each LSP feature and command gets its parameters to one function and its result back."""

import gc
import linecache
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from pilotfish.lsp.handshake import Handshake
from pilotfish.lsp.protocol import CURSOR, Protocol
from pilotfish.lsp.version import VERSION
from pilotfish.lsp.workspace import install

if TYPE_CHECKING:
    from pilotfish.lsp.service import Service

log = logging.getLogger(__name__)

ALL_CELLS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithCells(cells=[types.NotebookCellLanguage(language="*")])
    ]
)


class Server(LanguageServer):
    """The language server; ``service`` does the work."""

    protocol: Protocol

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(
            "pilotfish",
            VERSION,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            notebook_document_sync=ALL_CELLS,
            protocol_cls=Protocol,
            max_workers=2,
        )
        self.handshake = Handshake(environ)
        self._service: Service | None = None

    @property
    def service(self) -> "Service":
        """All that begins once ``initialize`` is answered."""
        if self._service is None:
            from pilotfish.lsp.service import Service

            self._service = Service(self, self.handshake)
        return self._service

    @property
    def shut_down(self) -> bool:
        """Whether the client asked for ``shutdown``; a client that only leaves gets exit status 1, says LSP."""
        return self.protocol.shut_down

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log only the kind of error: its text may quote the document, and a dialog per keystroke helps nobody."""
        log.error("internal error: %s (%s)", type(error).__name__, source.__name__)


def create_server(environ: Mapping[str, str]) -> Server:
    """Build a server with all its features; it reads nothing and starts nothing until it is initialized."""
    server = Server(environ)
    _life(server)
    _documents(server)
    _completion(server)
    _commands(server)
    return server


def _tidy() -> None:
    """Free what a quick start left behind, so that what is imported next finds room: some 6 MB."""
    linecache.clearcache()  # attrs and cattrs keep the source of each method there that they generate
    gc.collect()


def _life(server: Server) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.handshake.initialize(params)
        install(server.protocol)
        if server.handshake.offers_menu:
            _menu(server)
        if server.handshake.offers_hints:
            _hints(server)

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        _tidy()
        await server.service.start()
        _tidy()
        gc.freeze()  # what was imported stays, and need not be looked at again
        gc.set_threshold(2_000, 10, 10)

    @server.feature(types.SHUTDOWN)
    async def shutdown(_: None) -> None:
        await server.service.stop()

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        await server.service.configuration_changed(params.settings)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def did_change_watched_files(_: types.DidChangeWatchedFilesParams) -> None:
        await server.service.files_changed()


def _documents(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        server.service.opened(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.service.changed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.service.closed(params.text_document.uri)

    @server.feature(CURSOR)
    def cursor(params: types.TextDocumentPositionParams) -> None:
        server.service.cursor_moved(params.text_document.uri, params.position)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def notebook_did_open(params: types.DidOpenNotebookDocumentParams) -> None:
        for cell in params.cell_text_documents:
            server.service.opened(cell.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def notebook_did_change(params: types.DidChangeNotebookDocumentParams) -> None:
        server.service.notebook_changed(params)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def notebook_did_close(params: types.DidCloseNotebookDocumentParams) -> None:
        for cell in params.cell_text_documents:
            server.service.closed(cell.uri)


def _completion(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(params: types.InlineCompletionParams) -> types.InlineCompletionList:
        return await server.service.inline(params)


def _menu(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[*" .(,=[{:"]))
    async def completion(params: types.CompletionParams) -> types.CompletionList:
        return await server.service.menu(params)


def _hints(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT, types.InlayHintOptions())
    async def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        return await server.service.hints(params)


def _commands(server: Server) -> None:
    """Commands take and ignore arguments: some clients send some."""

    @server.command("pilotfish.backend.start")
    async def start(*_: Any) -> None:
        await server.service.start_backend()

    @server.command("pilotfish.backend.stop")
    async def stop(*_: Any) -> None:
        await server.service.stop_backend()

    @server.command("pilotfish.backend.restart")
    async def restart(*_: Any) -> None:
        await server.service.restart_backend()

    @server.command("pilotfish.backend.status")
    def status(*_: Any) -> dict[str, Any]:
        return server.service.status()

    @server.command("pilotfish.backend.logs")
    def logs(*_: Any) -> dict[str, str]:
        return server.service.logs()

    @server.command("pilotfish.backend.check")
    async def check(*arguments: Any) -> dict[str, Any]:
        return await server.service.check_backend(arguments[-1] if arguments else None)

    @server.command("pilotfish.accept")
    async def accept(*arguments: Any) -> bool:
        return await server.service.accept(str(arguments[-1]) if arguments else "")

    @server.command("pilotfish.accepted")
    def accepted(*_: Any) -> None:
        server.service.accepted()

    @server.command("pilotfish.toggle")
    def toggle(*_: Any) -> bool:
        return server.service.toggle()
