"""Malformed, unknown and untimely messages, and the end of a session."""

import os
from pathlib import Path

import pytest

from harness.conduct import assert_answered_once, assert_no_popup
from harness.editor import INVOKED, Editor
from harness.environment import isolated
from harness.fixtures import OpenEditor
from harness.lsp_client import LspClient
from harness.processes import MockBackend, free_port
from harness.programs import language_server
from harness.samples import REFERENCE, SUM

URI = "file:///nowhere/shop.py"
INLINE = "textDocument/inlineCompletion"
GOOD = {
    "textDocument": {"uri": URI},
    "position": {"line": 0, "character": 0},
    "context": {"triggerKind": 1},
}
MALFORMED: list[object] = [
    None,
    [],
    {},
    17,
    {**GOOD, "position": None},
    {**GOOD, "position": {"line": -1, "character": -1}},
    {**GOOD, "textDocument": {}},
    {**GOOD, "context": {}},
    {**GOOD, "context": {"triggerKind": "1"}},
    {**GOOD, "context": {"triggerKind": 99}},
    {**GOOD, "context": {"triggerKind": None}},
]
ODD: list[object] = [
    {**GOOD, "position": {"line": "0", "character": 0}},
    {**GOOD, "position": {"line": 0.5, "character": 0}},
    {**GOOD, "position": {"line": 2**40, "character": 2**40}},
    {**GOOD, "textDocument": {"uri": 5}},
    {**GOOD, "unknown": {"field": 1}},
]


async def test_malformed_parameters_get_an_error_response(open_editor: OpenEditor) -> None:
    """A request that cannot be read is answered with an error, never left open and never a popup."""
    editor = await open_editor(ready=False)
    editor.open(URI, REFERENCE)
    for params in MALFORMED:
        response = await editor.client.request(INLINE, params).response()
        assert response.code is not None, params
    assert (await editor.command("pilotfish.backend.status")).error is None
    assert_no_popup(editor.client)


async def test_odd_parameters_are_answered_one_way_or_the_other(open_editor: OpenEditor) -> None:
    """What can be read with some good will may be served or refused: once, and without a popup."""
    editor = await open_editor(ready=False)
    editor.open(URI, REFERENCE)
    for params in ODD:
        await editor.client.request(INLINE, params).response()
    assert (await editor.command("pilotfish.backend.status")).error is None
    assert_no_popup(editor.client)


async def test_malformed_notifications_are_passed_over(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A notification that cannot be read disturbs nothing: no popup, no answer, and the server goes on."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    for method in ("textDocument/didOpen", "textDocument/didClose", "$/cancelRequest", "initialized"):
        editor.client.notify(method, {"nonsense": True})
        editor.client.notify(method, [])
    editor.client.notify("textDocument/didChange", {"textDocument": {"uri": document.uri, "version": "x"}})
    editor.client.notify("no/suchNotification", {})
    editor.client.notify("$/noSuchNotification")
    assert await editor.line(document, SUM.offset, INVOKED) == SUM.rest
    assert_no_popup(editor.client)


async def test_an_unknown_method_gets_method_not_found(open_editor: OpenEditor) -> None:
    """An unknown request is answered with MethodNotFound and without a popup."""
    editor = await open_editor(ready=False)
    assert (await editor.client.request("no/suchMethod", {}).response()).code == -32601
    assert_no_popup(editor.client)


async def test_an_unknown_command_is_an_error_of_that_request(open_editor: OpenEditor) -> None:
    """An unknown command is refused in its answer; no popup, and the server goes on."""
    editor = await open_editor(ready=False)
    assert (await editor.command("pilotfish.no.such.command")).code is not None
    assert (await editor.command("pilotfish.backend.status")).error is None
    assert_no_popup(editor.client)


async def test_a_document_that_was_never_opened_is_answered_empty(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A request for an unknown document reads no file and asks nobody."""
    editor = await open_editor()
    assert editor.root is not None
    (editor.root / "shop.py").write_text(SUM.text)
    uri = (editor.root / "shop.py").as_uri()
    assert (await editor.ask_at(uri, {"line": 3, "character": 0}, INVOKED).response()).items == []
    assert mock.completions() == []


async def test_a_change_of_a_document_that_is_not_open_is_dropped(
    open_editor: OpenEditor, mock: MockBackend, tmp_path: Path
) -> None:
    """As VS Code sends one between closing and opening again: no harm, and no error in the log."""
    mock.configure(policy="continue", reference=REFERENCE)
    log = tmp_path / "server.log"
    editor = await open_editor(arguments=["--log-file", str(log)])
    closed = editor.open("shop.py", "")
    editor.close(closed)
    editor.set_text(closed, SUM.text)
    document = editor.open("shop.py", SUM.text)
    assert await editor.line(document, SUM.offset) == SUM.rest
    assert "error" not in log.read_text().lower()


async def test_ids_may_be_strings(open_editor: OpenEditor) -> None:
    """An answer carries the id of its request, number or string."""
    editor = await open_editor(ready=False)
    document = editor.open("shop.py", SUM.text)
    params = {**GOOD, "textDocument": {"uri": document.uri}}
    request = editor.client.request(INLINE, params, number="first-of-all")
    assert (await request.response()).error is None


async def test_requests_before_initialize_are_refused(open_editor: OpenEditor) -> None:
    """The protocol wants ServerNotInitialized before `initialize`, and everything to work after it."""
    editor = await open_editor(ready=False)  # skips while there is no server
    env = isolated(editor.root.parent / "other-home" if editor.root else editor.root)  # type: ignore[arg-type]
    client = await LspClient.start(language_server(), env=env)
    try:
        assert (await client.request(INLINE, GOOD).response()).code == -32002
        await Editor(client).initialize()
    finally:
        assert await client.stop() == 0
    assert_answered_once(client)


async def test_requests_after_shutdown_are_refused(open_editor: OpenEditor) -> None:
    """After `shutdown` only `exit` counts: a request is answered with InvalidRequest."""
    editor = await open_editor(ready=False)
    await editor.client.request("shutdown").response()
    assert (await editor.client.request(INLINE, GOOD).response()).code == -32600
    editor.client.notify("exit")
    assert await editor.client.wait_exit() == 0


async def test_shutdown_ends_what_is_in_flight(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A request that waits when `shutdown` comes is answered, and its call is closed."""
    mock.configure(first_token=60.0)
    editor = await open_editor()
    request = editor.ask(editor.open("shop.py", SUM.text), SUM.offset)
    call = (await mock.asked())[0]
    await editor.client.request("shutdown").response()
    assert not request.open
    await mock.closed(call.id)
    editor.client.notify("exit")
    assert await editor.client.wait_exit() == 0


async def test_exit_without_shutdown_is_status_1(open_editor: OpenEditor, mock: MockBackend) -> None:
    """`exit` without `shutdown` ends the process too, and its status says that it was untimely."""
    mock.configure(first_token=60.0)
    editor = await open_editor()
    request = editor.ask(editor.open("shop.py", SUM.text), SUM.offset)
    call = (await mock.asked())[0]
    editor.client.cancel(request)
    await request.response()
    editor.client.notify("exit")
    assert await editor.client.wait_exit() == 1
    await mock.closed(call.id)


async def test_a_client_that_vanishes_ends_the_server(open_editor: OpenEditor, mock: MockBackend) -> None:
    """When stdin ends the process ends, its backend call with it, and nothing of it stays."""
    mock.configure(first_token=60.0)
    editor = await open_editor()
    request = editor.ask(editor.open("shop.py", SUM.text), SUM.offset)
    call = (await mock.asked())[0]
    editor.client.cancel(request)
    await request.response()
    process = editor.client.process
    assert process is not None
    assert await editor.client.close() is not None
    await mock.closed(call.id)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


async def test_one_client_over_tcp(open_editor: OpenEditor, mock: MockBackend) -> None:
    """`--tcp PORT` serves the same protocol to one client on loopback."""
    mock.configure(policy="continue", reference=REFERENCE)
    probe = await open_editor(ready=False)  # skips while there is no server
    assert probe.root is not None
    port = free_port()
    launcher = await LspClient.start(
        [*language_server(), "--tcp", str(port)], env=isolated(probe.root.parent / "tcp-home")
    )
    try:
        client = await _connect(launcher, port)
        editor = await Editor(client, probe.root).initialize(options={"backend": {"url": mock.url}})
        await editor.ready()
        assert await editor.ghost(editor.open("shop.py", SUM.text), SUM.offset) == SUM.rest
        await client.stop()
        assert_answered_once(client)
        assert await launcher.wait_exit() == 0
    finally:
        await launcher.close()


async def _connect(launcher: LspClient, port: int) -> LspClient:
    async def attempt() -> LspClient | None:
        try:
            return await LspClient.connect(port)
        except ConnectionRefusedError:
            return None

    while (client := await attempt()) is None:
        assert launcher.process is not None
        assert launcher.process.returncode is None, bytes(launcher.stderr).decode()
    return client
