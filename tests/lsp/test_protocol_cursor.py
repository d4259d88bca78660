"""Our own notification ``pilotfish/cursor``: the backend is warmed for the place to which the user went."""

from harness.documents import TextDocument
from harness.editor import Editor
from harness.fixtures import OpenEditor
from harness.processes import MockBackend
from harness.samples import REFERENCE, SUM

LONG = "\n\n".join(f"value_{number} = {number}" for number in range(2000)) + "\n"
"""Lines enough that a window around the middle does not reach the head, which is warmed at opening."""


def tell(editor: Editor, document: TextDocument, offset: int) -> None:
    """Say where the cursor is."""
    place = {"textDocument": {"uri": document.uri}, "position": document.position(offset)}
    editor.client.notify("pilotfish/cursor", place)


async def test_the_place_is_warmed_and_the_next_prompt_begins_so(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """What is warmed is the start of what is asked at the next key."""
    mock.configure(model={"prefix_cache": True, "device": "cpu", "extensions": ["warm"]})
    editor = await open_editor()
    document = editor.open("long.py", LONG)
    offset = LONG.index("value_1000") - 1  # an empty line
    tell(editor, document, offset)
    await mock.wait_for(
        lambda calls: any("value_999" in (call.body or {}).get("prompt", "") for call in calls)
    )
    warmed = next(call.body for call in mock.log() if "value_999" in (call.body or {}).get("prompt", ""))
    assert warmed["max_tokens"] == 0
    editor.insert(document, offset, "x")
    await editor.ghost(document, offset + 1)
    asked = mock.completions()[-1].body
    assert asked["max_tokens"] > 0
    assert asked["prompt"] == warmed["prompt"] + "x"


async def test_an_unknown_document_or_a_foreign_backend_is_left_alone(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """Nothing is sent to a backend that does not announce warm-ups, nor for a document that is not open."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    tell(editor, document, SUM.offset)
    editor.close(document)
    tell(editor, document, SUM.offset)
    assert (await editor.command("pilotfish.backend.status")).error is None
    assert mock.completions() == []
