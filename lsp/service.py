"""What the language server does, feature by feature: from the protocol's parameters to a query and back to items."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from pilotfish.lsp import context, edits
from pilotfish.lsp.activity import Activity
from pilotfish.lsp.alternatives import Alternatives
from pilotfish.lsp.cache import CompletionCache
from pilotfish.lsp.completer import Completer, Link
from pilotfish.lsp.connection import Connection
from pilotfish.lsp.documents import Cursor
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.handshake import Handshake
from pilotfish.lsp.hints import Hints, beginning, visible
from pilotfish.lsp.launcher_errors import LauncherError
from pilotfish.lsp.place import Query
from pilotfish.lsp.queries import Queries
from pilotfish.lsp.settings import Settings
from pilotfish.lsp.tell import Tell, in_words
from pilotfish.lsp.warm import Warmer

if TYPE_CHECKING:
    from pilotfish.lsp.server import Server

log = logging.getLogger(__name__)

SINGLE_LINE_CLIENTS = frozenset({"ale"})
"""Clients whose menu breaks on an entry of several lines."""
SPOKEN_TO = frozenset({"helix", "kak-lsp"})
"""Clients that show neither notifications of ours nor a command's answer."""
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$", re.ASCII)
NO_ENTRIES = types.CompletionList(is_incomplete=True, items=[])


class Service:
    """The state of one client's session."""

    def __init__(self, server: "Server", handshake: Handshake) -> None:
        self._server = server
        self._handshake = handshake
        self._tell = Tell(server)
        self._enabled = True
        self._connection = Connection(
            lambda: self._settings,
            self._tell,
            handshake.environ,
            workspace=lambda: handshake.root,
            on_link=self._linked,
        )
        cache, activity = CompletionCache(), Activity(self._connection.at_work)
        self._completer = Completer(
            self._connection,
            lambda: self._settings.completion,
            on_recut=self._warm_recut,
            cache=cache,
            activity=activity,
            on_more=self._more if handshake.hears_of_more else None,
        )
        self._alternatives = Alternatives(self._completer, self._connection, cache, activity)
        self._warmer = Warmer()
        self._queries = Queries(lambda: server.workspace, handshake)
        self._inline_seen = False
        self._told_of_more: dict[str, tuple[int | None, Cursor]] = {}
        self._hints = Hints(self._suggestion_at)

    @property
    def _settings(self) -> Settings:
        return self._handshake.configuration.settings

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to work: the client is ready for requests and notifications of ours."""
        self._apply_log_level()
        self._report_problems()
        await self._tell.watch_configuration()
        await self._pull_configuration()
        await self._connection.start()

    async def stop(self) -> None:
        """Answer what waits, close what runs. The shared local backend stays for other windows."""
        self._alternatives.reset()
        self._hints.stop()
        await self._completer.stop()
        await self._warmer.stop()
        await self._connection.aclose()

    async def configuration_changed(self, settings: object) -> None:
        """Take settings that the client pushes, or fetch them when it only says that they changed."""
        if isinstance(settings, dict) and settings:
            await self._reload(lambda: self._handshake.configuration.pushed(settings))
        else:
            await self._pull_configuration()

    async def files_changed(self) -> None:
        """Read the workspace's file anew."""
        await self._reload(self._handshake.configuration.reread)

    async def _pull_configuration(self) -> None:
        section = await self._tell.configuration("pilotfish")
        if isinstance(section, dict):
            await self._reload(lambda: self._handshake.configuration.pushed(section))

    async def _reload(self, change: Callable[[], None]) -> None:
        before = self._settings
        change()
        self._report_problems()
        if self._settings == before:
            return
        self._apply_log_level()
        self._queries.forget()
        self._reset()
        if self._settings.backend != before.backend or self._settings.completion.fim != before.completion.fim:
            await self._connection.reconnect()

    def _reset(self) -> None:
        """Forget what would be answered differently from now on."""
        self._alternatives.reset()
        self._completer.reset()

    def _report_problems(self) -> None:
        for problem in self._handshake.configuration.fresh_problems():
            self._tell.warn(str(problem))

    def _apply_log_level(self) -> None:
        logging.getLogger("pilotfish").setLevel(self._settings.log.level.upper())

    # -- documents -----------------------------------------------------------------------------------------------

    def opened(self, uri: str) -> None:
        """Warm the backend for a document that was opened."""
        link = self._connection.link()
        if link is not None:
            self._warm_document(uri, link)

    def cursor_moved(self, uri: str, position: types.Position) -> None:
        """Warm the backend for the place to which the user went. LSP has no word for it; see ``protocol.CURSOR``."""
        link = self._connection.link()
        query = self._query(uri, position, automatic=True)
        if link is not None and query is not None:
            self._warm(link, self._completer.prepare(query, link))

    def changed(self, uri: str) -> None:
        """Tell the completer what was edited."""
        document = self._queries.document(uri)
        if document is None:
            return
        for edit in document.take_edits():
            self._alternatives.outdated(uri)
            self._completer.edited(uri, edit)
            self._hints.edited(uri, edit)

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self._alternatives.outdated(uri)
        self._completer.closed(uri)
        self._queries.closed(uri)
        self._told_of_more.pop(uri, None)
        self._hints.closed(uri)

    def notebook_changed(self, params: types.DidChangeNotebookDocumentParams) -> None:
        """Pass on what was edited in a notebook's cells, and which cells went."""
        cells = params.change.cells
        if cells is None:
            return
        for content in cells.text_content or []:
            self.changed(content.document.uri)
        if cells.structure is not None:
            for gone in cells.structure.did_close or []:
                self.closed(gone.uri)

    def _query(self, uri: str, position: types.Position, *, automatic: bool) -> Query | None:
        return self._queries.query(uri, position, automatic=automatic) if self._enabled else None

    # -- completion ----------------------------------------------------------------------------------------------

    async def inline(self, params: types.InlineCompletionParams) -> types.InlineCompletionList:
        """Answer ``textDocument/inlineCompletion``."""
        self._inline_seen = True
        automatic = params.context.trigger_kind != types.InlineCompletionTriggerKind.Invoked
        query = self._query(params.text_document.uri, params.position, automatic=automatic)
        if query is not None and self._told_of_more.pop(query.uri, None) == (query.version, query.cursor):
            query = replace(query, automatic=True)  # we asked for it, not the user
        return types.InlineCompletionList(edits.inline_items(await self._offers(query)))

    async def menu(self, params: types.CompletionParams) -> types.CompletionList:
        """Answer ``textDocument/completion``, unless the client turned out to ask for inline completions.

        Menus ask as invoked with each key, so that this tells nothing: every request counts as automatic.
        """
        if self._inline_seen and self._settings.completion.mode == "auto":
            return NO_ENTRIES
        query = self._query(params.text_document.uri, params.position, automatic=True)
        offered = await self._offers(query)
        if query is None or not offered:
            return NO_ENTRIES
        items = edits.menu_items(
            offered[0],
            word=word_before(query.lines, query.cursor),
            language=query.language,
            single_line=self._handshake.client in SINGLE_LINE_CLIENTS,
        )
        return types.CompletionList(is_incomplete=True, items=items)

    async def hints(self, params: types.InlayHintParams) -> list[types.InlayHint]:
        """Answer ``textDocument/inlayHint`` with a hint where the last edit left the cursor, if it is in sight."""
        uri = params.text_document.uri
        hint = await self._hints.answer(uri, (params.range.start.line, params.range.end.line))
        document = self._queries.document(uri)
        if hint is None or document is None:
            return []
        line = hint.cursor.line
        if not params.range.start.line <= line <= params.range.end.line:
            return []
        after = document.buffer.lines[line][hint.cursor.column :] if line < len(document.buffer.lines) else ""
        drawn = visible(hint.suggestion, after)
        return [edits.hint(edits.offer(drawn, document.buffer, hint.cursor))]

    async def accept(self, amount: str = "") -> bool:
        """Insert the suggestion that was shown as a hint, or its next ``word`` or ``line``, if it still fits."""
        hint = self._hints.shown
        document = self._queries.document(hint.uri) if hint is not None else None
        if hint is None or document is None:
            return False
        self._completer.accepted()
        offered = edits.offer(beginning(hint.suggestion, amount), document.buffer, hint.cursor)
        return await self._tell.apply(edits.workspace_edit(hint.uri, offered))

    async def _suggestion_at(self, uri: str, cursor: Cursor) -> Suggestion | None:
        """What there is to suggest at a place that the client did not name."""
        document = self._queries.document(uri)
        if document is None:
            return None
        query = self._query(uri, types.Position(*document.buffer.position(cursor)), automatic=True)
        return await self._completer.complete(query) if query is not None else None

    async def _offers(self, query: Query | None) -> list[edits.Offer]:
        """Have a query answered, for a document that has not moved on meanwhile."""
        suggestions = await self._alternatives.complete(query) if query is not None else []
        document = self._queries.document(query.uri) if query is not None else None
        if query is None or document is None or document.version != query.version:
            return []
        return [edits.offer(suggestion, document.buffer, query.cursor) for suggestion in suggestions]

    # -- commands ------------------------------------------------------------------------------------------------

    async def start_backend(self) -> None:
        """Start the local backend, or try the remote one again."""
        await self._connection.start_backend()

    async def stop_backend(self) -> None:
        """Stop the local backend for all windows."""
        await self._connection.stop_backend()

    async def restart_backend(self) -> None:
        """Stop the local backend and start it; with a remote one, connect anew."""
        if not self._settings.backend.url:
            await self._connection.stop_backend()
        await self._connection.start_backend()

    def status(self) -> dict[str, Any]:
        """What status bars show; said in words where there is none to show it."""
        self._speak()
        return self._tell.last_status

    def logs(self) -> dict[str, str]:
        """Say where the local backend logs."""
        try:
            path = str(self._connection.log_path)
        except LauncherError as error:
            self._tell.inform(str(error))
            return {"path": ""}
        self._tell.inform(f"The local backend logs to {path}")
        return {"path": path}

    async def check_backend(self, argument: object) -> dict[str, Any]:
        """Try a remote backend that is not in the settings yet."""
        from pilotfish.lsp.check_backend import check_backend

        return (await check_backend(argument, self._settings.backend)).to_json()

    def accepted(self) -> None:
        """Take note that a suggestion was accepted."""
        self._completer.accepted()

    def toggle(self) -> bool:
        """Switch completions off or on; return whether they are on."""
        self._enabled = not self._enabled
        if not self._enabled:
            self._reset()
            self._hints.forget()
        self._connection.announce(enabled=self._enabled)
        self._speak()
        return self._enabled

    def _speak(self) -> None:
        if self._handshake.client in SPOKEN_TO:
            self._tell.inform(in_words(self._tell.last_status))

    # -- the backend ---------------------------------------------------------------------------------------------

    def _linked(self, link: Link) -> None:
        """A backend became ready: what it knew of other prompts counts no longer."""
        self._reset()
        self._warmer.forget()
        for uri in self._server.workspace.text_documents:
            self._warm_document(uri, link)

    def _more(self, query: Query) -> None:
        """There is more than the half line that a query was answered with."""
        document = self._queries.document(query.uri)
        if document is not None and document.version == query.version:
            self._told_of_more[query.uri] = (query.version, query.cursor)
            self._tell.more(query.uri, query.version, document.buffer.position(query.cursor))

    def _warm_document(self, uri: str, link: Link) -> None:
        query = self._query(uri, types.Position(0, 0), automatic=True)
        if query is not None:
            prefix, _ = context.warm_prompt(
                query.lines, path=query.path, language=query.language, style=link.style
            )
            self._warm(link, prefix)

    def _warm_recut(self, link: Link, prompt: context.Prompt) -> None:
        if prompt.recut is not None:
            self._warm(link, prompt.recut)

    def _warm(self, link: Link, prefix: str) -> None:
        # The prefix of a fill-in-the-middle prompt begins with a marker, which a suffix brings, whatever it is.
        self._warmer.want(link, prefix, "\n" if link.style.fim else None)


def word_before(lines: Sequence[str], cursor: Cursor) -> str:
    """The ASCII identifier fragment left of a cursor, or nothing."""
    found = WORD.search(lines[cursor.line][: cursor.column]) if cursor.line < len(lines) else None
    return found.group() if found else ""
