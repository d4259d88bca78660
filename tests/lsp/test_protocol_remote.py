"""Connecting an editor to a team's backend: tried before it is saved, and of whatever version it is."""

from pathlib import Path
from typing import Any

from harness.conduct import popups
from harness.editor import Editor
from harness.fixtures import OpenEditor
from harness.processes import MockBackend, free_port
from harness.samples import SUM

KEY = "sk-team-key-4711"
PILOTFISH = {"owned_by": "pilotfish"}
WRONG: tuple[tuple[dict[str, object], str], ...] = (
    ({"url": "models.example.org"}, "url: expected an http:// or https:// URL"),
    ({"url": ""}, "url: expected"),
    ({}, "url: expected"),
    ({"url": 7}, "url: expected"),
    ({"url": "http://127.0.0.1:1", "apiKey": "ключ"}, "apiKey: expected a text of printable ASCII"),
    ({"url": f"http://127.0.0.1:{free_port()}"}, "there is no connection to the backend"),
)


async def check(editor: Editor, **argument: object) -> dict[str, Any]:
    """What `pilotfish.backend.check` answers."""
    answer = await editor.command("pilotfish.backend.check", argument)
    assert answer.error is None
    assert set(answer.result) == {"ok", "message", "models"}
    return dict(answer.result)


async def test_a_backend_is_tried_with_its_own_key(
    open_editor: OpenEditor, mock: MockBackend, tmp_path: Path
) -> None:
    """The right key: what it serves. Nothing is saved or logged, and the key in the settings stays with its server."""
    log = tmp_path / "server.log"
    options = {"backend": {"apiKey": "sk-of-another-server"}, "log": {"level": "debug"}}
    editor = await open_editor(options=options, arguments=["--log-file", str(log)])
    mock.configure(api_key=KEY)
    good = await check(editor, url=f"{mock.url}/v1/", apiKey=KEY)
    assert (good["ok"], good["models"]) == (True, ["mock-model"])
    assert "mock-model" in good["message"]
    before = len(mock.log())
    bad = await check(editor, url=mock.url)
    assert (bad["ok"], bad["models"]) == (False, [])
    assert "wants an API key" in bad["message"]
    assert not any(call.authorized for call in mock.log()[before:])
    assert popups(editor.client) == []
    assert KEY not in log.read_text() + editor.client.stderr.decode()


async def test_a_wrong_key_is_noticed_where_models_are_open(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A server that lists its models to everybody is asked for a token too."""
    editor = await open_editor()
    mock.configure(status=401)
    bad = await check(editor, url=mock.url, apiKey="sk-wrong")
    assert not bad["ok"]
    assert "refuses the API key (HTTP 401)" in bad["message"]
    assert "sk-wrong" not in bad["message"]


async def test_what_is_wrong_is_said(open_editor: OpenEditor) -> None:
    """Arguments that can't be, and addresses where nobody is."""
    editor = await open_editor(ready=False)
    for argument, said in WRONG:
        bad = await check(editor, **argument)
        assert not bad["ok"]
        assert said in bad["message"]


async def test_an_older_backend_is_told_once(open_editor: OpenEditor, mock: MockBackend) -> None:
    """One message with both versions; completions go on, and connecting again says nothing more."""
    mock.configure(version="0.0.1", model=PILOTFISH, text=" compute(items)\n")
    editor = await open_editor()
    await editor.client.wait_for(lambda: bool(popups(editor.client)), what="a message")
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == "compute(items)"
    looked = sum(call.path == "/health" for call in mock.log())
    await editor.command("pilotfish.backend.restart")
    await mock.wait_for(
        lambda calls: sum(call.path == "/health" for call in calls) > looked, what="another look"
    )
    assert (await editor.command("pilotfish.backend.status")).result["state"] == "ready"
    (message,) = popups(editor.client)
    assert "Pilotfish 0.0.1, older than this language server" in message["message"]
    tried = await check(editor, url=mock.url)
    assert tried["ok"]
    assert "older" in tried["message"]


async def test_other_versions_are_no_matter(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Another server's numbers mean nothing here; a newer one, and one that tells none, are taken as they are."""
    mock.configure(text=" compute(items)\n")
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    for version, owner in (("0.0.1", "vllm"), ("99.0.0", "pilotfish"), ("", "pilotfish")):
        mock.configure(version=version, model={"owned_by": owner})
        await editor.command("pilotfish.backend.restart")
        assert await editor.line_within(document, SUM.offset, deadline=20) == "compute(items)"
    assert popups(editor.client) == []
