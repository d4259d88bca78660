"""The failure table over stdio: a backend that is down, refuses, lies or stops in the middle."""

import asyncio
from typing import Any

import pytest

from harness.conduct import assert_no_popup, popups
from harness.editor import AUTOMATIC, INVOKED, Editor
from harness.fixtures import OpenEditor
from harness.processes import MockBackend, free_port, generates
from harness.samples import MAX, REFERENCE, SUM

CONTINUE: dict[str, Any] = {"policy": "continue", "reference": REFERENCE}
RECOVERY = 20.0
"""Seconds that a test waits for a recovery; how long it really takes is the benchmark's affair."""


async def _type_and_ask(editor: Editor, count: int) -> list[str]:
    """Type that many keys that agree with the reference; what was shown for each."""
    document = editor.open("typed.py", SUM.text)
    shown = []
    for index in range(count):
        editor.insert(document, SUM.offset + index, SUM.rest[index])
        shown.append(await editor.ghost(document, SUM.offset + index + 1, AUTOMATIC))
    return shown


def _states(editor: Editor) -> list[str]:
    return [params["state"] for params in editor.client.received("pilotfish/status")]


async def test_a_backend_that_refuses_connections(open_editor: OpenEditor) -> None:
    """Nothing listens: every request is answered empty, the status says error, and one popup at most."""
    editor = await open_editor(backend_url=f"http://127.0.0.1:{free_port()}", ready=False)
    assert await _type_and_ask(editor, 20) == [""] * 20
    await editor.client.wait_for(lambda: "error" in _states(editor), what="status error")
    assert len(popups(editor.client)) <= 1


async def test_a_backend_that_comes_back(open_editor: OpenEditor) -> None:
    """While the user types, a backend that starts to listen is found again without being told."""
    port = free_port()
    editor = await open_editor(backend_url=f"http://127.0.0.1:{port}", ready=False)
    assert await _type_and_ask(editor, 3) == [""] * 3
    async with MockBackend(port=port) as late:
        late.configure(**CONTINUE)
        document = editor.open("shop.py", SUM.text)
        assert await editor.line_within(document, SUM.offset, deadline=RECOVERY, kind=AUTOMATIC) == SUM.rest
        await editor.ready()
    assert len(popups(editor.client)) <= 1


async def test_a_backend_that_goes_and_comes_back(open_editor: OpenEditor) -> None:
    """A backend that dies under the language server and is started anew serves again."""
    port = free_port()
    async with MockBackend(port=port) as first:
        first.configure(**CONTINUE)
        editor = await open_editor(backend_url=first.url)
        document = editor.open("shop.py", SUM.text)
        assert await editor.ghost(document, SUM.offset) == SUM.rest
    assert (await _type_and_ask(editor, 5))[-1] == ""
    async with MockBackend(port=port) as second:
        second.configure(**CONTINUE)
        other = editor.open("again.py", SUM.text)
        assert await editor.line_within(other, SUM.offset, deadline=RECOVERY, kind=AUTOMATIC) == SUM.rest
    assert len(popups(editor.client)) <= 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_server_errors_make_completions_back_off(
    open_editor: OpenEditor, mock: MockBackend, status: int
) -> None:
    """A backend that fails is not asked with each key, and the user hears of it at most once."""
    editor = await open_editor()
    mock.configure(status=status, health=503)
    assert await _type_and_ask(editor, 20) == [""] * 20
    assert 1 <= len(mock.completions()) < 10
    assert len(popups(editor.client)) <= 1
    mock.configure(status=200, health=200, **CONTINUE)
    document = editor.open("shop.py", SUM.text)
    assert await editor.line_within(document, SUM.offset, deadline=RECOVERY) == SUM.rest


async def test_a_backend_that_hangs_is_given_up(open_editor: OpenEditor, mock: MockBackend) -> None:
    """After `backend.timeout` seconds without a byte the request is answered empty and the call closed."""
    mock.configure(fault="hang")
    editor = await open_editor(options={"backend": {"timeout": 0.5}})
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == ""
    await mock.closed(mock.completions()[0].id)
    assert len(popups(editor.client)) <= 1


@pytest.mark.parametrize(
    "fault", ["malformed_json", "malformed_sse", "half_utf8", "close", "wrong_shape", "empty"]
)
@pytest.mark.parametrize("good", [0, 5])
async def test_a_stream_that_breaks(
    open_editor: OpenEditor, mock: MockBackend, fault: str, good: int
) -> None:
    """What had come before the break may be used, never a text with a hole; the next request is served."""
    mock.configure(**CONTINUE, fault=fault, fault_after=good)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    ghost = await editor.line(document, SUM.offset)
    assert SUM.rest.startswith(ghost)
    assert len(ghost) <= good * 4 or fault == "malformed_sse"
    assert_no_popup(editor.client)
    mock.configure(fault=None)
    other = editor.open("other.py", MAX.text)
    assert await editor.line_within(other, MAX.offset, deadline=RECOVERY, kind=AUTOMATIC) == MAX.rest


async def test_characters_cut_in_two_on_the_wire(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A character whose bytes come in two writes is one character."""
    text = 'print("\u6f22\u5b57 \U0001f41f")'
    mock.configure(text=f" {text}\n", token_chars=1, split_utf8=True)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == text


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_one_message_and_no_more_calls(
    open_editor: OpenEditor, mock: MockBackend, status: int
) -> None:
    """401/403: one message that names the setting, silence towards the backend until settings change."""
    if status == 401:
        mock.configure(api_key="sk-right")
    else:
        mock.configure(models_status=403, status=403)
    options = {"backend": {"api_key": "sk-wrong"}}
    editor = await open_editor(options=options, ready=False)
    await _type_and_ask(editor, 3)
    await editor.client.wait_for(lambda: bool(popups(editor.client)), what="the message")
    assert "backend.api_key" in popups(editor.client)[0]["message"]
    assert "sk-wrong" not in str(popups(editor.client))
    asked = len(mock.log())
    document = editor.open("shop.py", SUM.text)
    for index in range(5):
        editor.insert(document, SUM.offset + index, SUM.rest[index])
        assert await editor.ghost(document, SUM.offset + index + 1) == ""
    await asyncio.sleep(2.5)  # longer than the pause between two health probes
    assert len([call for call in mock.log()[asked:] if call.path != "/health"]) == 0
    assert len(popups(editor.client)) == 1
    mock.configure(models_status=200, status=200, **CONTINUE)
    changed = {"pilotfish": {"backend": {"url": mock.url, "api_key": "sk-right"}}}
    editor.client.notify("workspace/didChangeConfiguration", {"settings": changed})
    assert await editor.line_within(document, SUM.offset + 5, deadline=RECOVERY) == SUM.rest[5:]


async def test_an_unknown_model_is_one_message_that_lists_the_models(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A model that the backend does not have: one message with the names that it has."""
    models = [{"id": "tuna-1b", "object": "model"}, {"id": "tuna-7b", "object": "model"}]
    mock.configure(models=models)
    editor = await open_editor(options={"backend": {"model": "salmon"}}, ready=False)
    await _type_and_ask(editor, 3)
    await editor.client.wait_for(lambda: bool(popups(editor.client)), what="the message")
    assert await _type_and_ask(editor, 5) == [""] * 5
    (message,) = popups(editor.client)
    assert "salmon" in message["message"]
    assert "tuna-1b" in message["message"]
    assert "tuna-7b" in message["message"]


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed(open_editor: OpenEditor, mock: MockBackend, status: int) -> None:
    """429/503 with Retry-After: silence until then, without a popup, and completions afterwards."""
    editor = await open_editor()
    mock.configure(status=status, retry_after="3")
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == ""
    refused = mock.completions()[0]
    mock.configure(status=200, retry_after=None, **CONTINUE)
    for index in range(5):
        editor.insert(document, SUM.offset + index, SUM.rest[index])
        await editor.ghost(document, SUM.offset + index + 1)
    assert (
        await editor.line_within(document, SUM.offset + 5, deadline=RECOVERY, kind=AUTOMATIC) == SUM.rest[5:]
    )
    again = mock.completions()[1]
    assert refused.end is not None
    assert again.received - refused.end >= 2.9
    assert_no_popup(editor.client)


async def test_a_minimal_models_answer_is_enough(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A server that tells only ids and nothing of our fields serves completions."""
    mock.configure(models=[{"id": "plain"}], **CONTINUE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    assert mock.completions()[0].body["model"] == "plain"


async def test_a_url_with_v1_is_the_same_server(open_editor: OpenEditor, mock: MockBackend) -> None:
    """`backend.url` may end in `/v1`, with or without a slash."""
    mock.configure(**CONTINUE)
    editor = await open_editor(backend_url=f"{mock.url}/v1/")
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest


async def test_an_endless_answer_is_cut_off(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A backend that ignores limits and stop strings cannot keep a call open for ever."""
    editor = await open_editor()
    mock.configure(text="x" * 10_000_000, token_chars=50, per_token=0.005, limits=False)
    document = editor.open("shop.py", SUM.text)
    await editor.ghost(document, SUM.offset, INVOKED)
    await mock.wait_for(lambda calls: all(call.end is not None for call in calls if generates(call)))
    assert mock.completions()[0].outcome == "disconnected"
