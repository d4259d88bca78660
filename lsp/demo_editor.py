"""The demonstration's editor: one document in front of a language server, typed into key by key.

It does what editors with ghost text do: each key is a change, a cancel of the request before, and a new
request; while the ghost text continues with what is typed, it stays until the server's answer replaces it.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient
from pygls.workspace import PositionCodec

from pilotfish.lsp.demo_screen import View
from pilotfish.lsp.protocol import CURSOR


@dataclass(slots=True)
class Suggestion:
    """A ghost text that appeared, and what became of it."""

    text: str
    waited: float
    """Seconds from the key before it until it was there."""
    typed_through: int = 0
    """Characters of it that were typed while it stood there."""
    accepted: bool = False


class Editor:
    """A document that is open in a language server. A cursor is a line and a column in code points."""

    def __init__(
        self, client: LanguageClient, path: Path, text: str, *, language: str, encoding: str
    ) -> None:
        self.lines = text.split("\n")
        self.line = self.column = 0
        self.suggestions: list[Suggestion] = []
        self.on_change: Callable[[], None] = lambda: None
        """Called whenever there is something new to see."""
        self._client = client
        self._uri = path.as_uri()
        self._language = language
        self._codec = PositionCodec(encoding)
        self._version = 1
        self._ghost = ""
        self._item: types.InlineCompletionItem | None = None
        self._replaces = 0
        self._numbers = count(1)
        self._asking: tuple[str, asyncio.Task[None]] | None = None
        self._background: set[asyncio.Task[None]] = set()
        item = types.TextDocumentItem(uri=self._uri, language_id=language, version=1, text=text)
        client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))

    @property
    def view(self) -> View:
        """What is on the screen."""
        return View(self.lines, self.line, self.column, self._ghost, self._replaces, self._language)

    @property
    def ghost(self) -> str:
        """The text that is offered now; "" when there is none."""
        return self._ghost

    def cut(self, first: int, lines: int, keep: str) -> None:
        """Take lines out, but for ``keep`` (an indentation), put the cursor behind that, and say where it is."""
        end = first + lines - 1
        self._replace((first, 0), (end, len(self.lines[end])), keep)
        place = self._position(self.line, self.column)
        body = {
            "textDocument": {"uri": self._uri},
            "position": {"line": place.line, "character": place.character},
        }
        self._client.protocol.notify(CURSOR, body)
        self._show(None, "", 0)

    def press(self, text: str) -> None:
        """Type a key: a character, or a line break with the indentation that an editor puts after it."""
        pressed = time.perf_counter()
        agrees = bool(self._ghost) and self._ghost.startswith(text)
        rest = self._ghost.removeprefix(text) if agrees else ""
        if agrees:
            self.suggestions[-1].typed_through += len(text)
        self._replace((self.line, self.column), (self.line, self.column), text)
        self._show(self._item if rest else None, rest, self._replaces if rest else 0)
        self._ask(pressed)

    def accept(self) -> str:
        """Take the ghost text into the document as its item says, and ask on; the text that came in."""
        pressed = time.perf_counter()
        item, taken = self._item, self._ghost
        if item is None or not taken:
            raise ValueError("there is no ghost text to accept")
        self._cancel()
        self._replace((self.line, self.column), (self.line, self.column + self._replaces), taken)
        self.suggestions[-1].accepted = True
        self._show(None, "", 0)
        if item.command is not None:
            params = types.ExecuteCommandParams(
                command=item.command.command, arguments=item.command.arguments
            )
            task = asyncio.create_task(self._tell(params))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        self._ask(pressed)
        return taken

    async def settle(self, deadline: float) -> None:
        """Wait until the last key's request is answered, but not longer than ``deadline`` seconds."""
        if self._asking is not None:
            await asyncio.wait({self._asking[1]}, timeout=deadline)

    async def close(self) -> None:
        """Withdraw what is asked."""
        self._cancel()
        if self._background:
            await asyncio.wait(self._background, timeout=1)
        for task in self._background:
            task.cancel()

    def _replace(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        """Change the document here and in the server, and put the cursor behind the new text."""
        where = types.Range(self._position(*start), self._position(*end))
        head, tail = self.lines[start[0]][: start[1]], self.lines[end[0]][end[1] :]
        self.lines[start[0] : end[0] + 1] = (head + text + tail).split("\n")
        *_, last = (head + text).split("\n")
        self.line, self.column = start[0] + text.count("\n"), len(last)
        self._version += 1
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=self._uri, version=self._version),
                content_changes=[types.TextDocumentContentChangePartial(range=where, text=text)],
            )
        )

    def _ask(self, pressed: float) -> None:
        self._cancel()
        number = f"inline-{next(self._numbers)}"
        self._asking = (number, asyncio.create_task(self._follow(number, self._version, pressed)))

    def _cancel(self) -> None:
        if self._asking is not None and not self._asking[1].done():
            # The task lives on until the answer is there: the server owes one to every request.
            self._client.cancel_request(types.CancelParams(id=self._asking[0]))
            self._background.add(self._asking[1])
            self._asking[1].add_done_callback(self._background.discard)
        self._asking = None

    async def _follow(self, number: str, version: int, pressed: float) -> None:
        params = types.InlineCompletionParams(
            text_document=types.TextDocumentIdentifier(self._uri),
            position=self._position(self.line, self.column),
            context=types.InlineCompletionContext(trigger_kind=types.InlineCompletionTriggerKind.Automatic),
        )
        try:
            answer = await self._client.protocol.send_request_async(
                types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id=number
            )
        except (JsonRpcException, RuntimeError):
            return  # cancelled; or the server is gone, which the one who started it reports
        waited = time.perf_counter() - pressed
        if version != self._version:
            return  # the text has moved on: an editor shows nothing old
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer or []
        item, ghost, replaces = self._readable(items[0]) if items else (None, "", 0)
        if ghost and ghost != self._ghost:
            self.suggestions.append(Suggestion(ghost, waited))
        self._show(item, ghost, replaces)

    def _readable(self, item: types.InlineCompletionItem) -> tuple[types.InlineCompletionItem, str, int]:
        """What an item adds at the cursor and replaces right of it; nothing if it does not fit there."""
        text = item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value
        if item.range is None:
            return item, text, 0
        start = self._codec.position_from_client_units(self.lines, item.range.start)
        end = self._codec.position_from_client_units(self.lines, item.range.end)
        head = self.lines[self.line][start.character : self.column]
        if start.line != self.line or end.line != self.line or not text.startswith(head):
            return item, "", 0
        return item, text[len(head) :], end.character - self.column

    def _show(self, item: types.InlineCompletionItem | None, ghost: str, replaces: int) -> None:
        self._item, self._ghost, self._replaces = item, ghost, replaces
        self.on_change()

    async def _tell(self, params: types.ExecuteCommandParams) -> None:
        with suppress(JsonRpcException, RuntimeError):
            await self._client.workspace_execute_command_async(params)

    def _position(self, line: int, column: int) -> types.Position:
        return types.Position(line, self._codec.client_num_units(self.lines[line][:column]))
