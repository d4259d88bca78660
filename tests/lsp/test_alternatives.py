"""Several suggestions for who asks by hand, over a fake backend."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from harness.fake_backend import MODEL, FakeSource, Stream
from harness.waiting import until
from pilotfish.lsp import alternatives
from pilotfish.lsp.activity import Activity
from pilotfish.lsp.alternatives import Alternatives
from pilotfish.lsp.cache import CompletionCache
from pilotfish.lsp.client import BackendUnreachable
from pilotfish.lsp.completer import Completer
from pilotfish.lsp.documents import Cursor, TextBuffer
from pilotfish.lsp.place import Query
from pilotfish.lsp.settings import CompletionSettings

URI = "file:///project/module.py"
HEAD = "import json\n\n\ndef load(path):\n    return ("
FIRST, SECOND, THIRD = "json.loads(path.read_text()))", "open(path).read())", "path.read_bytes())"


@dataclass
class Editor:
    """A document in an editor whose user asks by hand."""

    source: FakeSource
    completer: Completer
    alternatives: Alternatives
    buffer: TextBuffer
    cursor: Cursor
    version: int = 1
    tasks: list["asyncio.Task[list[str]]"] = field(default_factory=list)

    def type(self, text: str) -> None:
        """Insert text at the cursor."""
        edit = self.buffer.replace(self.cursor, self.cursor, text)
        self.cursor, self.version = edit.new_end, self.version + 1
        self.alternatives.outdated(URI)
        self.completer.edited(URI, edit)

    def ask(self, *, automatic: bool = False) -> "asyncio.Task[list[str]]":
        """Request what can be had at the cursor."""
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

        async def texts() -> list[str]:
            return [found.text for found in await self.alternatives.complete(query)]

        self.tasks.append(asyncio.create_task(texts()))
        return self.tasks[-1]

    async def stream(self, number: int) -> Stream:
        """Wait for the backend to get its request of that number."""
        await until(lambda: len(self.source.backend.streams) > number)
        return self.source.backend.streams[number]

    async def say(self, number: int, text: str) -> Stream:
        """Answer the request of that number."""
        stream = await self.stream(number)
        stream.feed(text + "\n\n\n")
        stream.end()
        return stream


def opened(device: str) -> Editor:
    """An editor in front of a backend on that device."""
    source = FakeSource(replace(MODEL, device=device))
    cache, activity = CompletionCache(), Activity(lambda _state: None)
    completer = Completer(
        source, lambda: CompletionSettings(delay=0, prefetch="never"), cache=cache, activity=activity
    )
    return Editor(
        source, completer, Alternatives(completer, source, cache, activity), TextBuffer(HEAD), Cursor(4, 12)
    )


@pytest.fixture
async def editor() -> AsyncIterator[Editor]:
    """A backend on a CPU."""
    editor = opened("cpu")
    yield editor
    editor.alternatives.reset()
    await editor.completer.stop()


async def test_three_are_offered_on_a_cpu_one_after_the_other(editor: Editor) -> None:
    """The likeliest first and alone; the others follow on what the backend has cached of the prompt."""
    task = editor.ask()
    for number, text in enumerate((FIRST, SECOND, THIRD)):
        await editor.stream(number)
        assert len(editor.source.backend.streams) == number + 1
        await editor.say(number, text)
    assert await task == [FIRST, SECOND, THIRD]
    requests = [stream.request for stream in editor.source.backend.streams]
    assert len({(request.prompt, request.max_tokens, request.stop) for request in requests}) == 1
    assert requests[0].temperature == 0
    assert all(0 < request.temperature < 1 for request in requests[1:])
    assert len({request.seed for request in requests}) == 3


async def test_elsewhere_the_others_are_asked_for_at_once() -> None:
    """Two requests side by side cost a server no more time than one."""
    editor = opened("gpu")
    task = editor.ask()
    await editor.say(0, FIRST)
    await editor.stream(2)
    await editor.say(2, THIRD)
    await editor.say(1, SECOND)
    assert sorted(await task) == sorted([FIRST, SECOND, THIRD])
    assert (await task)[0] == FIRST
    await editor.completer.stop()


async def test_what_is_the_same_is_offered_once(editor: Editor) -> None:
    """Whether it is the likeliest again, or another one."""
    task = editor.ask()
    for number in range(3):
        await editor.say(number, FIRST)
    assert await task == [FIRST]


async def test_asking_again_costs_nothing(editor: Editor) -> None:
    """A second request for the same, at once or later, and going through them, are answered from memory."""
    first, second = editor.ask(), editor.ask()
    for number, text in enumerate((FIRST, SECOND, THIRD)):
        await editor.say(number, text)
    assert await first == await second == [FIRST, SECOND, THIRD]
    editor.alternatives.outdated(URI)
    assert await editor.ask() == [FIRST, SECOND, THIRD]
    assert len(editor.source.backend.streams) == 3


async def test_an_alternative_is_typed_through(editor: Editor) -> None:
    """Keys that agree with the second leave the rest of it, as they do with the likeliest, and ask nothing."""
    task = editor.ask()
    for number, text in enumerate(("alpha(path))", "beta(path))", "gamma(path))")):
        await editor.say(number, text)
    assert len(await task) == 3
    editor.type("b")
    assert await editor.ask(automatic=True) == ["eta(path))"]
    editor.type("et")
    assert await editor.ask(automatic=True) == ["a(path))"]
    assert len(editor.source.backend.streams) == 3


async def test_what_is_shown_already_is_the_first(editor: Editor) -> None:
    """Asking by hand for another one keeps the one on the screen in its place."""
    shown = editor.ask(automatic=True)
    await editor.say(0, FIRST)
    assert await shown == [FIRST]
    task = editor.ask()
    await editor.say(1, SECOND)
    await editor.say(2, THIRD)
    assert await task == [FIRST, SECOND, THIRD]


async def test_the_likeliest_does_not_wait_long_for_the_others(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow backend's others are not in the first answer, but in the next; nothing is asked for twice."""
    monkeypatch.setattr(alternatives, "PATIENCE_FRESH", 0.05)
    task = editor.ask()
    await asyncio.sleep(2 * alternatives.AT_ONCE)
    await editor.say(0, FIRST)
    assert await task == [FIRST]
    await editor.say(1, SECOND)
    again = editor.ask()
    await editor.say(2, THIRD)
    assert await again == [FIRST, SECOND, THIRD]
    assert len(editor.source.backend.streams) == 3


async def test_an_edit_ends_it(editor: Editor) -> None:
    """The request is answered at once, and the call that runs is closed."""
    task = editor.ask()
    await editor.say(0, FIRST)
    stream = await editor.stream(1)
    editor.type("x")
    await task
    await until(lambda: stream.closed)
    assert len(editor.source.backend.streams) == 2


async def test_cancelling_ends_it(editor: Editor) -> None:
    """Only when the last that wait for it have gone."""
    first, second = editor.ask(), editor.ask()
    await editor.say(0, FIRST)
    stream = await editor.stream(1)
    first.cancel()
    await asyncio.sleep(0.01)
    assert not stream.closed
    second.cancel()
    await until(lambda: stream.closed)
    again = editor.ask()
    for number, text in enumerate((SECOND, THIRD), start=2):
        await editor.say(number, text)
    assert await again == [FIRST, SECOND, THIRD]


async def test_a_failing_alternative_is_left_out(editor: Editor) -> None:
    """It says nothing about the backend: the likeliest was answered. The next time it is asked for again."""
    task = editor.ask()
    await editor.say(0, FIRST)
    (await editor.stream(1)).fail(BackendUnreachable("gone"))
    await editor.say(2, THIRD)
    assert await task == [FIRST, THIRD]
    assert editor.source.errors == []
    editor.alternatives.outdated(URI)
    again = editor.ask()
    await editor.say(3, SECOND)
    await editor.say(4, THIRD)
    assert await again == [FIRST, SECOND, THIRD]


async def test_an_automatic_request_has_one_answer(editor: Editor) -> None:
    """Nobody asked for more, so nothing more is computed."""
    task = editor.ask(automatic=True)
    await editor.say(0, FIRST)
    assert await task == [FIRST]
    assert len(editor.source.backend.streams) == 1
