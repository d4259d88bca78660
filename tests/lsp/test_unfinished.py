"""Half lines that are shown while one types, and what becomes of them when the typing stops."""

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.editor import INLINE, INVOKED, Editor
from harness.fixtures import OpenEditor
from harness.processes import MockBackend
from harness.samples import REFERENCE, SUM

MORE = "pilotfish/more"
HEARS: Mapping[str, Any] = {**INLINE, "experimental": {"pilotfishMore": True}}
SLOW: dict[str, Any] = {"policy": "continue", "reference": REFERENCE, "token_chars": 4, "per_token": 0.06}
KEYS = 5


async def burst(editor: Editor) -> tuple[Any, int]:
    """Type some keys quickly; the document, and where the cursor is."""
    document = editor.open("shop.py", SUM.text)
    offset = SUM.offset
    for key in SUM.rest[:KEYS]:
        editor.insert(document, offset, key)
        offset += 1
        editor.ask(document, offset)
        await asyncio.sleep(0.08)
    return document, offset


async def half_line(editor: Editor) -> tuple[Any, int, str]:
    """Type until a part of the line is shown; the document, the cursor's place and the part."""
    document, offset = await burst(editor)
    shown = ""
    while not shown:
        assert offset < SUM.offset + 30
        editor.insert(document, offset, SUM.rest[offset - SUM.offset])
        offset += 1
        shown = await editor.ghost(document, offset)
    rest = SUM.rest[offset - SUM.offset :]
    assert rest.startswith(shown)
    return document, offset, shown


async def test_a_client_that_hears_of_more_gets_the_whole_line(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """Told once, for that place; asking again gives all of it from memory, also where it seems asked by hand."""
    mock.configure(**SLOW)
    editor = await open_editor(capabilities=HEARS)
    document, offset, shown = await half_line(editor)
    rest = SUM.rest[offset - SUM.offset :]
    assert len(shown) < len(rest)
    await editor.client.wait_for(lambda: bool(editor.client.received(MORE)), what=MORE)
    (told,) = editor.client.received(MORE)
    assert told["textDocument"] == {"uri": document.uri, "version": document.version}
    assert told["position"] == document.position(offset)
    before = len(mock.completions())
    assert await editor.ghost(document, offset, INVOKED) == rest
    assert len(mock.completions()) == before
    assert len(editor.client.received(MORE)) == 1


async def test_who_types_on_hears_of_the_newest_place_only(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A key outdates what was shown before it."""
    mock.configure(**SLOW)
    editor = await open_editor(capabilities=HEARS)
    document, offset, _ = await half_line(editor)
    editor.insert(document, offset, SUM.rest[offset - SUM.offset])
    rest = SUM.rest[offset + 1 - SUM.offset :]
    await editor.client.wait_for(
        lambda: all(call.outcome != "open" for call in mock.completions()), what="the call's end"
    )
    assert await editor.ghost(document, offset + 1) == rest
    versions = [told["textDocument"]["version"] for told in editor.client.received(MORE)]
    assert set(versions) <= {document.version}


async def test_others_are_not_told(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A client that does not know the notification gets none, and its call ends soon after the answer."""
    mock.configure(**SLOW)
    editor = await open_editor()
    document, offset, _ = await half_line(editor)
    await mock.wait_for(
        lambda calls: all(call.outcome != "open" for call in calls if call.path.endswith("/completions")),
        what="the call's end",
    )
    assert await editor.ghost(document, offset)
    assert editor.client.received(MORE) == []
