"""The demonstration's editor, in front of a server that is played by the test."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from pilotfish.lsp.demo_editor import Editor


class Server:
    """What the editor says to a server, and the server's answers, which the test gives when it likes."""

    def __init__(self) -> None:
        self.text = ""
        self.cancelled: list[str] = []
        self.commands: list[str] = []
        self.moved: list[tuple[int, int]] = []
        self.asked: list[types.Position] = []
        self.open: dict[str, asyncio.Future[Any]] = {}
        self.protocol = self

    def text_document_did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self.text = params.text_document.text

    def text_document_did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        (change,) = params.content_changes
        assert isinstance(change, types.TextDocumentContentChangePartial)
        start, end = (self._offset(place) for place in (change.range.start, change.range.end))
        self.text = self.text[:start] + change.text + self.text[end:]

    def send_request_async(
        self, method: str, params: types.InlineCompletionParams, msg_id: str
    ) -> asyncio.Future[Any]:
        assert method == "textDocument/inlineCompletion"
        self.asked.append(params.position)
        self.open[msg_id] = asyncio.get_running_loop().create_future()
        return self.open[msg_id]

    def notify(self, method: str, params: dict[str, Any]) -> None:
        assert method == "pilotfish/cursor"
        self.moved.append((params["position"]["line"], params["position"]["character"]))

    def cancel_request(self, params: types.CancelParams) -> None:
        self.cancelled.append(str(params.id))

    async def workspace_execute_command_async(self, params: types.ExecuteCommandParams) -> None:
        self.commands.append(params.command)

    async def answer(self, text: str, *, back: int = 0, ahead: int = 0, number: int = -1) -> None:
        """Answer a request, the newest by default; the item replaces some code units around the cursor."""
        place = self.asked[number]
        reach = types.Range(
            types.Position(place.line, place.character - back),
            types.Position(place.line, place.character + ahead),
        )
        item = types.InlineCompletionItem(
            text, range=reach, command=types.Command("accepted", "pilotfish.accepted")
        )
        list(self.open.values())[number].set_result(types.InlineCompletionList([item] if text else []))
        for _ in range(3):
            await asyncio.sleep(0)

    def _offset(self, place: types.Position) -> int:
        lines = self.text.split("\n")
        line = lines[place.line].encode("utf-16-le")[: place.character * 2].decode("utf-16-le")
        return sum(len(text) + 1 for text in lines[: place.line]) + len(line)


def edit(text: str, place: tuple[int, int]) -> tuple[Editor, Server]:
    server = Server()
    client = cast("LanguageClient", server)
    editor = Editor(client, Path("/w/a.py"), text, language="python", encoding="utf-16")
    editor.line, editor.column = place
    return editor, server


async def test_keys_reach_the_server_as_changes() -> None:
    """Both texts are the same after keys, line breaks and cuts, beside characters of two UTF-16 units too."""
    editor, server = edit("a\n  b = '🐟'\n  c\nd\n", (1, 9))
    editor.press("x")
    editor.press("\n  ")
    editor.press("y")
    editor.cut(0, 2, "  ")
    editor.press("z")
    assert server.text == "\n".join(editor.lines) == "  z\n  y\n  c\nd\n"
    assert server.moved == [(0, 2)]
    assert (editor.line, editor.column) == (0, 3)
    await editor.close()


async def test_a_new_key_cancels_the_request_before() -> None:
    """There is one request at a time, and what comes for an old one is not shown."""
    editor, server = edit("", (0, 0))
    editor.press("a")
    await asyncio.sleep(0)
    editor.press("b")
    await asyncio.sleep(0)
    assert server.cancelled == list(server.open)[:1]
    await server.answer("old", number=0)
    assert (editor.ghost, editor.suggestions) == ("", [])
    await server.answer("new")
    assert editor.ghost == "new"
    await editor.close()


async def test_typing_what_is_offered_keeps_it() -> None:
    """While keys agree with the ghost text its rest stays, and the same rest from the server is not news."""
    editor, server = edit("", (0, 0))
    editor.press("a")
    await asyncio.sleep(0)
    await server.answer("bcd")
    editor.press("b")
    await asyncio.sleep(0)
    assert editor.ghost == "cd"
    await server.answer("cd")
    assert [(s.text, s.typed_through) for s in editor.suggestions] == [("bcd", 1)]
    editor.press("x")
    await asyncio.sleep(0)
    assert editor.ghost == ""
    await server.answer("")
    assert len(editor.suggestions) == 1


async def test_accepting_applies_the_item_and_runs_its_command() -> None:
    """The item's range is replaced, the server hears of it, and of the acceptance."""
    editor, server = edit("f('🐟')\n", (0, 5))
    editor.press("x")
    await asyncio.sleep(0)
    # From the start of what was typed to behind the bracket that stands there.
    await server.answer("x, y)", back=1, ahead=1)
    assert (editor.ghost, editor.view.replaces) == (", y)", 1)
    assert editor.accept() == ", y)"
    await editor.close()
    assert server.text == "\n".join(editor.lines) == "f('🐟'x, y)\n"
    assert (editor.line, editor.column) == (0, 10)
    assert server.commands == ["pilotfish.accepted"]
    assert [s.accepted for s in editor.suggestions] == [True]


async def test_accepting_several_lines_moves_the_cursor_behind_them() -> None:
    """The cursor stands where one would type on."""
    editor, server = edit("if x:\n", (0, 4))
    editor.press(" ")
    await asyncio.sleep(0)
    await server.answer("\n  a\n  b")
    editor.accept()
    assert (editor.line, editor.column) == (2, 3)
    assert server.text == "\n".join(editor.lines)


async def test_an_item_that_does_not_fit_is_not_shown() -> None:
    """An editor shows nothing for an item that would change text left of the cursor."""
    editor, server = edit("abc\n", (0, 3))
    editor.press("d")
    await asyncio.sleep(0)
    await server.answer("xyz", back=2)
    assert editor.ghost == ""
    with pytest.raises(ValueError, match="no ghost text"):
        editor.accept()


async def test_only_the_wait_for_the_last_key_counts() -> None:
    """The time of a suggestion begins with the key before it."""
    editor, server = edit("", (0, 0))
    editor.press("a")
    await asyncio.sleep(0.05)
    editor.press("b")
    await asyncio.sleep(0.001)
    await server.answer("c")
    assert 0 < editor.suggestions[0].waited < 0.04
