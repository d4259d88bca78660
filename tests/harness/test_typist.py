"""The client and the typist on a dummy server: good conduct passes, and each misconduct is noticed."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from harness.conduct import assert_answered_once, assert_no_popup
from harness.editor import Editor
from harness.environment import with_harness
from harness.lsp_client import LspClient
from harness.processes import MockBackend
from harness.typist import Rhythm, TypingRun, following, type_text

REFERENCE = "import os\n\n\ndef home():\n    return os.path.expanduser('~')\n"
START = REFERENCE.index("os.path")
Serve = Callable[[str], Awaitable[Editor]]


@pytest.fixture
async def serve(mock: MockBackend, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts the dummy server in a mode."""
    clients: list[LspClient] = []
    mock.configure(policy="continue", reference=REFERENCE)

    async def served(mode: str) -> Editor:
        argv = [sys.executable, "-P", str(Path(__file__).with_name("dummy_server.py")), mode, mock.url]
        client = await LspClient.start(argv, env=with_harness(os.environ))
        clients.append(client)
        return await Editor(client, tmp_path).initialize()

    yield served
    for client in clients:
        await client.stop()


async def _type(editor: Editor, *, keys: int = 6, rhythm: Rhythm | None = None) -> TypingRun:
    document = editor.open("a.py", REFERENCE[:START])
    return await type_text(
        editor,
        document,
        START,
        REFERENCE[START : START + keys],
        rhythm=rhythm or Rhythm(interval=0.25),
        expected=following(REFERENCE, START),
    )


async def test_a_good_server_is_found_good(serve: Serve, mock: MockBackend) -> None:
    """Each key of a slow typist is shown the text's continuation, and nothing is wrong."""
    editor = await serve("good")
    run = await _type(editor)
    assert run.stale == []
    assert run.shown >= 4  # all six, but for a machine that stalls
    assert run.unanswered == 0
    assert run.keys[-1].ghost == REFERENCE[START + 6 :].splitlines()[0]
    assert len(mock.completions()) >= run.shown
    assert_answered_once(editor.client)
    assert_no_popup(editor.client)


async def test_a_late_request_goes_out_after_its_key(serve: Serve) -> None:
    """With `ask_after` the request follows its key by that much and still belongs to it."""
    editor = await serve("good")
    run = await _type(editor, keys=3, rhythm=Rhythm(interval=0.25, ask_after=0.05))
    for key in run.keys:
        assert key.request is not None
        assert key.request.sent - key.sent >= 0.04
    assert run.stale == []


async def test_stale_text_is_noticed(serve: Serve) -> None:
    """An answer that belongs to the text before is called wrong."""
    run = await _type(await serve("stale"))
    assert any("does not follow" in line for line in run.stale)


async def test_items_for_a_replaced_text_are_noticed(serve: Serve) -> None:
    """A server that answers superseded requests with items is called late."""
    run = await _type(await serve("slow"), rhythm=Rhythm(interval=0.04, cancel=False))
    assert any("replaced text" in line for line in run.stale)


async def test_silence_is_noticed(serve: Serve) -> None:
    """A request without an answer fails at its deadline, and in the account of the conversation."""
    editor = await serve("mute")
    document = editor.open("a.py", REFERENCE)
    request = editor.ask(document, START)
    with pytest.raises(AssertionError, match="was not answered"):
        await request.response(0.2)
    with pytest.raises(AssertionError, match="unanswered"):
        assert_answered_once(editor.client)


async def test_a_second_answer_is_noticed(serve: Serve) -> None:
    """Two answers to one request fail the account of the conversation."""
    editor = await serve("twice")
    document = editor.open("a.py", REFERENCE)
    request = editor.ask(document, START)
    await editor.client.wait_for(lambda: len(request.responses) == 2, what="both answers")
    with pytest.raises(AssertionError, match="more than once"):
        assert_answered_once(editor.client)


async def test_a_popup_is_noticed(serve: Serve) -> None:
    """What the server shows to the person is seen."""
    editor = await serve("popup")
    await editor.ghost(editor.open("a.py", REFERENCE), START)
    with pytest.raises(AssertionError, match="look at me"):
        assert_no_popup(editor.client)


async def test_cancelling_is_answered_by_the_server_not_the_harness(serve: Serve) -> None:
    """`$/cancelRequest` reaches the server: pygls answers it with RequestCancelled."""
    editor = await serve("mute")
    request = editor.ask(editor.open("a.py", REFERENCE), START)
    editor.client.cancel(request)
    assert (await request.response()).code == -32800
