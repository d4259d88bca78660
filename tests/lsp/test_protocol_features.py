"""Menus, hints, notebooks, commands and settings, as clients of each kind see them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.conduct import assert_no_popup, popups
from harness.documents import TextDocument
from harness.editor import AUTOMATIC, INLINE, INVOKED, Editor
from harness.fixtures import OpenEditor
from harness.lsp_client import Response
from harness.processes import MockBackend
from harness.samples import MAX, REFERENCE, SUM

MENU: Mapping[str, Any] = {"textDocument": {"completion": {"completionItem": {"insertReplaceSupport": True}}}}
"""Capabilities of a client without inline completion."""
CONTINUE: dict[str, Any] = {"policy": "continue", "reference": REFERENCE}


async def _menu(editor: Editor, document: TextDocument, offset: int, kind: int = 1) -> Response:
    params = {
        "textDocument": {"uri": document.uri},
        "position": document.position(offset),
        "context": {"triggerKind": kind},
    }
    return await editor.client.request("textDocument/completion", params).response()


async def test_a_client_without_inline_completion_gets_a_menu_item(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """The item says exactly what to insert where, and how, so that no client filters or reindents it away."""
    mock.configure(**CONTINUE)
    editor = await open_editor(capabilities=MENU)
    assert editor.capabilities["completionProvider"] is not None
    document = editor.open("shop.py", SUM.text)
    editor.insert(document, SUM.offset, "sum")
    response = await _menu(editor, document, SUM.offset + 3)
    assert response.result["isIncomplete"] is True
    (item,) = response.items
    edit = {"insertText": item["textEdit"]["newText"], "range": item["textEdit"]["range"]}
    line = document.caret(SUM.offset + 3)
    assert line.after_accepting(edit) == line.text[: -len("sum")] + SUM.rest
    assert item["insertTextFormat"] == 1
    assert item["insertTextMode"] == 1
    assert item["preselect"] is True
    assert (item.get("filterText") or item["label"]).startswith("sum")
    assert SUM.rest[3:] in item["documentation"]["value"]
    assert "```" in item["documentation"]["value"]


@pytest.mark.parametrize(
    ("mode", "offered"), [("inline", False), ("menu", True), ("both", True), ("auto", False)]
)
async def test_completion_mode_decides_whether_there_is_a_menu(
    open_editor: OpenEditor, mode: str, *, offered: bool
) -> None:
    """For a client that shows ghost text only `menu` and `both` offer a menu."""
    both = {"textDocument": {**INLINE["textDocument"], **MENU["textDocument"]}}
    editor = await open_editor(capabilities=both, options={"completion": {"mode": mode}}, ready=False)
    assert (editor.capabilities.get("completionProvider") is not None) is offered


async def test_the_first_inline_request_switches_the_menu_off(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """lsp-mode sends the capability as null: it has a menu until it asks inline, and never both."""
    mock.configure(**CONTINUE)
    capabilities = {"textDocument": {**MENU["textDocument"], "inlineCompletion": None}}
    editor = await open_editor(capabilities=capabilities)
    document = editor.open("shop.py", SUM.text)
    assert (await _menu(editor, document, SUM.offset)).items
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    other = editor.open("other.py", MAX.text)
    assert (await _menu(editor, other, MAX.offset)).items == []


async def test_vim_ale_gets_a_single_line(open_editor: OpenEditor, mock: MockBackend) -> None:
    """ALE breaks on items of several lines, so it is offered the first only."""
    mock.configure(text="\n    first = 1\n    second = 2\n    return first + second\n")
    options = {"completion": {"multiline": "always"}}
    editor = await open_editor(capabilities=MENU, name="ale", options=options)
    document = editor.open("shop.py", "import json\n\n\ndef compute(first, second):\n    first")
    for item in (await _menu(editor, document, len(document.text))).items:
        assert "\n" not in item["textEdit"]["newText"]


async def test_helix_sees_a_hint_and_accepts_it_by_a_command(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """For Helix the suggestion is an inlay hint at the last edit's end; `pilotfish.accept` inserts it."""
    mock.configure(**CONTINUE)
    editor = await open_editor(capabilities=MENU, name="helix")
    assert editor.capabilities["inlayHintProvider"]
    document = editor.open("shop.py", SUM.text)
    editor.insert(document, SUM.offset, SUM.rest[:4])
    (hint,) = await _hints(editor, document)
    assert hint["position"] == document.position(SUM.offset + 4)
    applied: list[dict[str, Any]] = []

    def apply(params: dict[str, Any]) -> dict[str, bool]:
        applied.append(params)
        return {"applied": True}

    editor.client.handlers["workspace/applyEdit"] = apply
    assert (await editor.command("pilotfish.accept")).error is None
    await editor.client.wait_for(lambda: bool(applied), what="workspace/applyEdit")
    (edit,) = applied[0]["edit"]["documentChanges"][0]["edits"]
    item = {"insertText": edit["newText"], "range": edit["range"]}
    assert document.caret(SUM.offset + 4).ghost_text(item) == SUM.rest[4:]


async def test_accept_refuses_when_the_document_has_moved_on(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """What was shown for an older version is not inserted into a newer one."""
    mock.configure(**CONTINUE)
    editor = await open_editor(capabilities=MENU, name="helix")
    document = editor.open("shop.py", SUM.text)
    editor.insert(document, SUM.offset, SUM.rest[:4])
    assert await _hints(editor, document)
    editor.insert(document, SUM.offset + 4, "#")
    await editor.command("pilotfish.accept")
    assert editor.client.received("workspace/applyEdit") == []


async def _hints(editor: Editor, document: TextDocument) -> list[Any]:
    whole = {"start": {"line": 0, "character": 0}, "end": document.position(len(document.text))}
    params = {"textDocument": {"uri": document.uri}, "range": whole}
    response = await editor.client.request("textDocument/inlayHint", params).response()
    return list(response.result or [])


async def test_others_get_no_hints(open_editor: OpenEditor) -> None:
    """A client that shows ghost text is not offered inlay hints as well."""
    editor = await open_editor(ready=False)
    assert not editor.capabilities.get("inlayHintProvider")


CELL = "vscode-notebook-cell:/project/shop.ipynb#W2sZmlsZQ%3D%3D"
NOTEBOOK = "file:///project/shop.ipynb"


async def test_notebook_cells_are_completed(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A cell is opened, edited and completed like a document, by the notebook notifications."""
    mock.configure(**CONTINUE)
    capabilities = {**INLINE, "notebookDocument": {"synchronization": {}}}
    editor = await open_editor(capabilities=capabilities)
    assert editor.capabilities["notebookDocumentSync"]
    cell = {"uri": CELL, "languageId": "python", "version": 1, "text": SUM.text}
    notebook = {"uri": NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1}
    cells = [{"kind": 2, "document": CELL}]
    opened = {"notebookDocument": {**notebook, "cells": cells}, "cellTextDocuments": [cell]}
    editor.client.notify("notebookDocument/didOpen", opened)
    document = TextDocument(CELL, SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    change = document.replace(SUM.offset, SUM.offset, SUM.rest[:5])
    content = {"document": {"uri": CELL, "version": 2}, "changes": [change]}
    changed = {
        "notebookDocument": {"uri": NOTEBOOK, "version": 2},
        "change": {"cells": {"textContent": [content]}},
    }
    editor.client.notify("notebookDocument/didChange", changed)
    assert await editor.ghost(document, SUM.offset + 5) == SUM.rest[5:]
    closed = {"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": [{"uri": CELL}]}
    editor.client.notify("notebookDocument/didClose", closed)
    assert (await editor.ask(document, SUM.offset + 5).response()).items == []
    assert_no_popup(editor.client)


async def test_toggle_switches_suggestions_off_and_on(open_editor: OpenEditor, mock: MockBackend) -> None:
    """After `pilotfish.toggle` nothing is shown or asked; after the next one all is as before."""
    mock.configure(**CONTINUE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert (await editor.command("pilotfish.toggle")).error is None
    assert await editor.ghost(document, SUM.offset, INVOKED) == ""
    assert mock.completions() == []
    await editor.command("pilotfish.toggle")
    assert await editor.line(document, SUM.offset, INVOKED) == SUM.rest
    assert_no_popup(editor.client)


async def test_commands_are_advertised_and_items_carry_accepted(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """Clients learn which commands there are; an item's own command can be run as it came."""
    mock.configure(**CONTINUE)
    editor = await open_editor()
    advertised = set(editor.capabilities["executeCommandProvider"]["commands"])
    backend = {f"pilotfish.backend.{name}" for name in ("start", "stop", "restart", "status", "logs")}
    assert advertised >= {*backend, "pilotfish.accept", "pilotfish.toggle", "pilotfish.accepted"}
    document = editor.open("shop.py", SUM.text)
    (item,) = (await editor.ask(document, SUM.offset).response()).items
    assert item["command"]["command"] == "pilotfish.accepted"
    ran = await editor.command(item["command"]["command"], *(item["command"].get("arguments") or []))
    assert ran.error is None


async def test_the_client_s_configuration_is_fetched_and_followed(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """`workspace/configuration` is asked at the start and after `didChangeConfiguration`."""
    mock.configure(**CONTINUE)
    capabilities = {
        **INLINE,
        "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
    }
    editor = await open_editor(capabilities=capabilities)
    await editor.client.wait_for(
        lambda: bool(editor.client.received("workspace/configuration")), what="the question"
    )
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    editor.client.settings = {"languages": {"disabled": ["python"]}}
    editor.client.notify("workspace/didChangeConfiguration", {"settings": None})
    asked = "workspace/configuration"
    await editor.client.wait_for(lambda: len(editor.client.received(asked)) > 1, what="the second question")
    await editor.command("pilotfish.backend.status")
    other = editor.open("other.py", MAX.text)
    assert await editor.ghost(other, MAX.offset, INVOKED) == ""


async def test_the_workspace_file_is_read_and_followed(
    open_editor: OpenEditor, mock: MockBackend, workspace: Path
) -> None:
    """`.pilotfish.toml` counts at the start, and anew when the client says that it changed."""
    mock.configure(**CONTINUE)
    file = workspace / ".pilotfish.toml"
    file.write_text('[languages]\ndisabled = ["python"]\n')
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset, INVOKED) == ""
    file.write_text("")
    change = {"changes": [{"uri": file.as_uri(), "type": 2}]}
    editor.client.notify("workspace/didChangeWatchedFiles", change)
    assert await editor.line_within(document, SUM.offset, deadline=10) == SUM.rest


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"completion": {"dellay": 100}}, "completion.dellay"),
        ({"completion": {"mode": "sometimes"}}, "completion.mode"),
        ({"nonsense": {"a": 1}}, "nonsense"),
    ],
)
async def test_a_bad_setting_is_reported_once_by_name(
    open_editor: OpenEditor, mock: MockBackend, options: dict[str, object], named: str
) -> None:
    """A misspelt key or a bad value is one message that names it; the default is used and all else works."""
    mock.configure(**CONTINUE)
    editor = await open_editor(options=options)
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset, AUTOMATIC) == SUM.rest
    await editor.client.wait_for(lambda: bool(popups(editor.client)), what="the message")
    (message,) = popups(editor.client)
    assert named in message["message"]


async def test_the_key_is_sent_as_a_bearer_token(open_editor: OpenEditor, mock: MockBackend) -> None:
    """`backend.api_key`, here from the environment, goes into the Authorization header of every request."""
    mock.configure(**CONTINUE, api_key="sk-from-environment")
    editor = await open_editor(environment={"PILOTFISH_BACKEND_API_KEY": "sk-from-environment"})
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    assert all(call.authorized for call in mock.log())


async def test_status_tells_state_and_model(open_editor: OpenEditor) -> None:
    """`pilotfish/status` and the status command say the same: state, message, model and backend."""
    editor = await open_editor()
    told = editor.client.received("pilotfish/status")[-1]
    assert set(told) >= {"state", "message", "model", "backend"}
    assert told["model"] == "mock-model"
    assert (await editor.command("pilotfish.backend.status")).result == told


async def test_a_warm_up_comes_with_the_file_where_the_backend_can(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """When a file is opened its window is evaluated in advance: a request for no tokens, no suggestion."""
    mock.configure(model={"extensions": ["warm"], "prefix_cache": True})
    editor = await open_editor()
    editor.open("shop.py", SUM.text)
    calls = await mock.wait_for(
        lambda calls: any(call.path.endswith("/completions") for call in calls), what="a warm-up"
    )
    warm = [call for call in calls if call.path.endswith("/completions")]
    assert warm[0].body["max_tokens"] == 0
