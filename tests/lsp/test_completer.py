"""The request manager over a fake backend: who is answered, with what, and what becomes of the calls."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest

from harness.fake_backend import FakeSource, Stream
from harness.waiting import until
from pilotfish.lsp import sessions
from pilotfish.lsp.client import BackendUnreachable
from pilotfish.lsp.completer import Completer
from pilotfish.lsp.documents import Cursor, TextBuffer
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.place import Query
from pilotfish.lsp.settings import CompletionSettings

URI = "file:///project/module.py"
HEAD = "import json\n\n\ndef load(path):\n    "
LINE = "return json.loads(path.read_text())"


@dataclass
class Editor:
    """A document in an editor, with what the completer is told of it."""

    source: FakeSource
    completer: Completer
    buffer: TextBuffer
    cursor: Cursor
    version: int = 1
    tasks: list["asyncio.Task[Suggestion | None]"] = field(default_factory=list)

    def type(self, text: str) -> None:
        """Insert text at the cursor."""
        self._edit(self.cursor, self.cursor, text)

    def backspace(self, count: int = 1) -> None:
        """Delete before the cursor."""
        self._edit(Cursor(self.cursor.line, self.cursor.column - count), self.cursor, "")

    def _edit(self, start: Cursor, end: Cursor, text: str) -> None:
        edit = self.buffer.replace(start, end, text)
        self.cursor, self.version = edit.new_end, self.version + 1
        self.completer.edited(URI, edit)

    def ask(self, *, automatic: bool = True) -> "asyncio.Task[Suggestion | None]":
        """Request a completion at the cursor."""
        query = Query(
            uri=URI,
            version=self.version,
            lines=self.buffer.lines,
            cursor=self.cursor,
            language="python",
            path="module.py",
            characters=self.buffer.characters,
            automatic=automatic,
        )
        task = asyncio.create_task(self.completer.complete(query))
        self.tasks.append(task)
        return task

    async def stream(self, number: int = -1) -> Stream:
        """Wait for the backend to get its request of that number."""
        wanted = number + 1 if number >= 0 else 1
        await until(lambda: len(self.source.backend.streams) >= wanted)
        return self.source.backend.streams[number]

    async def shown(self, text: str) -> Suggestion:
        """Request a completion, have the backend answer with a text, and return what is shown of it."""
        task = self.ask()
        stream = await self.stream()
        stream.feed(text)
        stream.end()
        suggestion = await task
        assert suggestion is not None
        return suggestion


@pytest.fixture
async def editor() -> AsyncIterator[Editor]:
    """Open a small Python file with the cursor in a function's body."""
    source = FakeSource()
    completer = Completer(source, lambda: CompletionSettings(delay=0))
    buffer = TextBuffer(HEAD)
    yield Editor(source, completer, buffer, Cursor(4, 4))
    await completer.stop()


def text_of(suggestion: Suggestion | None) -> str | None:
    """The text that would be shown."""
    return suggestion.text if suggestion is not None else None


async def test_a_request_is_answered_with_the_line_that_the_backend_completes(editor: Editor) -> None:
    """The first request asks at once, and the whole line is the answer."""
    editor.type("ret")
    task = editor.ask()
    stream = await editor.stream()
    stream.feed(LINE[3:])
    stream.end()
    assert text_of(await task) == LINE[3:]
    assert editor.source.successes == 1


async def test_typing_through_a_suggestion_asks_nothing(editor: Editor) -> None:
    """Each key of a shown suggestion is answered from memory with what is left of it."""
    editor.type("ret")
    await editor.shown(LINE[3:])
    for place in range(3, 13):
        editor.type(LINE[place])
        assert text_of(await editor.ask()) == LINE[place + 1 :]
    assert len(editor.source.backend.streams) == 1


async def test_a_call_that_agrees_with_the_keys_is_adopted(editor: Editor) -> None:
    """Keys that come while the backend still thinks do not start another call; its text serves the last request."""
    editor.type("ret")
    first = editor.ask()
    stream = await editor.stream()
    editor.type("u")
    assert await first is None
    second = editor.ask()
    await asyncio.sleep(0)
    stream.feed(LINE[3:])
    stream.end()
    assert text_of(await second) == LINE[4:]
    assert len(editor.source.backend.streams) == 1


async def test_a_partial_line_is_shown_while_the_user_types(editor: Editor) -> None:
    """In a burst of keys the answer does not wait for the end of the line."""
    for letter in "retu":
        editor.type(letter)
        await asyncio.sleep(0.05)
    task = editor.ask()
    stream = await editor.stream()
    stream.feed(LINE[4:20])
    async with asyncio.timeout(0.5):
        shown = text_of(await task)
    assert shown
    assert LINE[4:].startswith(shown)
    assert not stream.ended


async def test_an_edit_that_disagrees_closes_the_call_at_once(editor: Editor) -> None:
    """What the user types instead ends the call, and the new request starts another."""
    editor.type("ret")
    editor.ask()
    stream = await editor.stream()
    stream.feed("urn json")
    await asyncio.sleep(0.01)
    editor.type("x")
    await until(lambda: stream.closed)
    task = editor.ask()
    other = await editor.stream(1)
    other.feed(" = load(path)")
    other.end()
    assert text_of(await task) == " = load(path)"


async def test_a_cancelled_request_closes_its_call(editor: Editor) -> None:
    """Nothing was typed since: nobody wants the answer any more."""
    editor.type("ret")
    task = editor.ask()
    stream = await editor.stream()
    task.cancel()
    await until(lambda: stream.closed)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_without_a_follower_is_closed_after_a_while(editor: Editor) -> None:
    """A key outdates the request and no other request comes: the call is kept for a moment, then closed."""
    editor.type("ret")
    task = editor.ask()
    stream = await editor.stream()
    editor.type("u")
    assert await task is None
    await asyncio.sleep(0.1)
    assert not stream.closed
    await until(lambda: stream.closed)


async def test_the_same_request_twice_joins(editor: Editor) -> None:
    """VS Code sends each request twice; both get the answer of one call, and cancelling one leaves the other."""
    editor.type("ret")
    first, second, third = editor.ask(), editor.ask(), editor.ask()
    stream = await editor.stream()
    second.cancel()
    stream.feed(LINE[3:])
    stream.end()
    assert text_of(await first) == text_of(await third) == LINE[3:]
    assert len(editor.source.backend.streams) == 1


async def test_a_newer_request_elsewhere_supersedes(editor: Editor) -> None:
    """A request at another place answers the older one with nothing and ends its call."""
    editor.type("ret")
    first = editor.ask()
    stream = await editor.stream()
    editor.cursor = Cursor(1, 0)
    second = editor.ask()
    assert await first is None
    other = await editor.stream(1)
    await until(lambda: stream.closed)
    other.feed("import os")
    other.end()
    assert text_of(await second) == "import os"


async def test_deleting_asks_nothing(editor: Editor) -> None:
    """A backspace does not start a call."""
    editor.type("retx")
    editor.backspace()
    assert await editor.ask() is None
    assert not editor.source.backend.streams


async def test_taking_a_key_back_shows_the_suggestion_again(editor: Editor) -> None:
    """After a backspace the suggestion from before the key is known."""
    editor.type("ret")
    await editor.shown(LINE[3:])
    editor.type("x")
    editor.backspace()
    assert text_of(await editor.ask()) == LINE[3:]
    assert len(editor.source.backend.streams) == 1


async def test_a_failing_backend_is_reported_and_shows_nothing(editor: Editor) -> None:
    """The request gets its (empty) answer, the source is told."""
    editor.type("ret")
    task = editor.ask()
    stream = await editor.stream()
    stream.fail(BackendUnreachable("no connection"))
    assert await task is None
    assert len(editor.source.errors) == 1


async def test_without_a_backend_the_answer_is_immediate(editor: Editor) -> None:
    """No link, no waiting."""
    editor.source.available = False
    editor.type("ret")
    async with asyncio.timeout(0.5):
        assert await editor.ask() is None


async def test_calls_are_spaced(editor: Editor) -> None:
    """With a delay, the second call of a burst waits; the leading edge does not."""
    editor.completer = Completer(editor.source, lambda: CompletionSettings(delay=200))
    loop = asyncio.get_running_loop()
    editor.type("ret")
    editor.ask()
    start = loop.time()
    stream = await editor.stream()
    assert loop.time() - start < 0.15
    stream.feed("urn json")
    await asyncio.sleep(0.01)
    editor.type("x")
    editor.ask()
    await editor.stream(1)
    assert loop.time() - start >= 0.19
    await editor.completer.stop()


async def test_a_bracket_that_the_editor_closes_does_not_end_the_call(editor: Editor) -> None:
    """The editor inserts both brackets in one edit and puts the cursor between; the suggestion covers the closer."""
    editor.type("return json.loads")
    task = editor.ask()
    stream = await editor.stream()
    stream.feed("(path.read_text())")
    stream.end()
    assert text_of(await task) == "(path.read_text())"
    editor.type("()")
    editor.cursor = Cursor(4, editor.cursor.column - 1)
    suggestion = await editor.ask()
    assert suggestion is not None
    assert suggestion.text.startswith("path.read_text()")
    assert len(editor.source.backend.streams) == 1


async def test_closing_a_document_ends_its_calls(editor: Editor) -> None:
    """Nothing goes on for a document that is no longer open."""
    editor.type("ret")
    task = editor.ask()
    stream = await editor.stream()
    editor.completer.closed(URI)
    await until(lambda: stream.closed)
    assert await task is None


def prefixes(text: str) -> Iterator[str]:
    """Every beginning of a text."""
    return (text[:end] for end in range(len(text) + 1))


async def test_nothing_stale_is_shown_when_keys_diverge_at_any_point(editor: Editor) -> None:
    """Wherever the typed text leaves the suggestion, what is shown afterwards never continues the old text."""
    editor.type("ret")
    await editor.shown(LINE[3:])
    for typed in prefixes(LINE[3:20]):
        for letter in typed:
            editor.type(letter)
        editor.type("#")
        editor.source.available = False
        assert await editor.ask() is None
        editor.backspace(len(typed) + 1)


async def test_what_follows_a_shown_suggestion_is_asked_ahead(editor: Editor) -> None:
    """With prefetch, the call for the text after acceptance runs before; accepting then costs no call."""
    editor.completer = Completer(editor.source, lambda: CompletionSettings(delay=0, prefetch="always"))
    editor.type("ret")
    shown = await editor.shown(LINE[3:])
    ahead = await editor.stream(1)
    assert ahead.request.prompt.endswith(LINE)
    ahead.feed("\n    # done\n")
    await until(lambda: ahead.closed or ahead.ended)
    editor.type(shown.text)
    follows = await editor.ask()
    assert follows is not None
    assert follows.text == "\n    # done"
    assert len(editor.source.backend.streams) == 2
    await editor.completer.stop()


async def test_a_cpu_backend_is_not_asked_ahead(editor: Editor) -> None:
    """On one's own machine the guess would cost the user's processor."""
    editor.type("ret")
    await editor.shown(LINE[3:])
    await asyncio.sleep(0.02)
    assert len(editor.source.backend.streams) == 1


async def test_what_a_broken_stream_brought_is_shown_once_and_not_remembered(editor: Editor) -> None:
    """Half a line is better than nothing, but the next time there may be all of it."""
    editor.type("ret")
    task = editor.ask()
    stream = await editor.stream()
    stream.feed("urn json.lo")
    stream.break_off()
    assert text_of(await task) == "urn json.lo"
    editor.type("u")
    again = editor.ask()
    other = await editor.stream(1)
    other.feed(LINE[4:])
    other.end()
    assert text_of(await again) == LINE[4:]


async def test_who_asks_by_hand_gets_whole_lines(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that takes too long is shown as far as its last whole line, not with half of the next one."""
    monkeypatch.setattr(sessions, "BY_HAND", 0.05)
    task = editor.ask(automatic=False)
    stream = await editor.stream()
    stream.feed(" with open(path) as file:\n        return json.lo")
    suggestion = await task
    assert suggestion is not None
    assert suggestion.text == "with open(path) as file:"
