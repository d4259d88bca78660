"""What editors show beside one suggestion: several of them, and whether the model is at work."""

import asyncio

import pytest

from harness.editor import AUTOMATIC, INVOKED, Editor
from harness.fixtures import OpenEditor
from harness.processes import MockBackend
from harness.samples import SUM

TEXTS = (" compute(items)\n", " max(prices.values())\n", " len(self.lines)\n")
"""With the blank before the cursor, which prompts leave to the model."""


def states(editor: Editor) -> list[str]:
    """What status bars were told, in order."""
    return [params["state"] for params in editor.client.received("pilotfish/status")]


@pytest.mark.parametrize("device", ["cpu", "gpu"])
async def test_who_asks_by_hand_is_offered_three(
    open_editor: OpenEditor, mock: MockBackend, device: str
) -> None:
    """An automatic request has one item; one by hand has it first, and the others behind it, in one answer."""
    mock.configure(text=TEXTS[0], alternatives=TEXTS[1:], model={"device": device})
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    (shown,) = (await editor.ask(document, SUM.offset, AUTOMATIC).response()).items
    requests = [editor.ask(document, SUM.offset, INVOKED) for _ in range(2)]
    first, again = [(await request.response()).items for request in requests]
    assert first == again
    assert first[0] == shown
    assert {item["insertText"] for item in first} == {text.strip() for text in TEXTS}
    assert len(first) == 3
    assert len({str(item["range"]) for item in first}) == 1


async def test_cancelling_ends_what_the_others_cost(open_editor: OpenEditor, mock: MockBackend) -> None:
    """The request is answered at once, and the call that samples hung up."""
    mock.configure(text=TEXTS[0], model={"device": "cpu"})
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset, AUTOMATIC)
    mock.configure(first_token=60)
    request = editor.ask(document, SUM.offset, INVOKED)
    await mock.wait_for(
        lambda calls: any(call.body and call.body.get("seed") for call in calls), what="a sampled call"
    )
    editor.client.cancel(request)
    assert (await request.response()).code == -32800
    await mock.wait_for(
        lambda calls: any(call.outcome == "disconnected" for call in calls), what="the call's end"
    )


async def test_a_slow_model_is_shown_at_work(open_editor: OpenEditor, mock: MockBackend) -> None:
    """One call that takes long is told once, with the model's name, and once that it is over."""
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    mock.configure(text=TEXTS[0], first_token=1.2)
    assert await editor.ghost(document, SUM.offset)
    assert states(editor)[-1] == "working"
    assert editor.client.received("pilotfish/status")[-1]["model"] == "mock-model"
    await editor.client.wait_for(lambda: states(editor)[-1] == "ready", what="ready again")
    assert states(editor).count("working") == 1


async def test_switched_off_stays_off(open_editor: OpenEditor, mock: MockBackend) -> None:
    """While completions are switched off no change of the backend's state is shown as one of theirs."""
    editor = await open_editor()
    await editor.command("pilotfish.toggle")
    await editor.client.wait_for(lambda: states(editor)[-1] == "off", what="off")
    before = len(mock.log())
    await editor.command("pilotfish.backend.restart")
    await mock.wait_for(lambda calls: len(calls) > before, what="another connection")
    await asyncio.sleep(0.2)
    assert states(editor)[-1] == "off"
    await editor.command("pilotfish.toggle")
    await editor.client.wait_for(lambda: states(editor)[-1] == "ready", what="ready again")
