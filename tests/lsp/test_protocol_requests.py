"""Requests over stdio: each is answered exactly once, and what becomes of the backend call behind it."""

import asyncio
import random

import pytest

from harness.conduct import assert_answered_once, assert_no_popup
from harness.editor import AUTOMATIC, INVOKED, Editor
from harness.fixtures import OpenEditor
from harness.processes import MockBackend
from harness.samples import DIVERGENCE, MAX, REFERENCE, SUM
from harness.typist import Rhythm, following, type_text

SLOW = {"first_token": 60.0, "policy": "continue", "reference": REFERENCE}
"""A call that stays in flight until somebody closes it."""
STREAMING = {"per_token": 0.4, "token_chars": 4, "policy": "continue", "reference": REFERENCE}
"""A call whose tokens come one by one: half a minute for a line, in steps that a test can stand between."""


async def test_inline_completion_is_advertised_with_an_options_object(open_editor: OpenEditor) -> None:
    """`true` instead of an object makes Neovim never ask; a menu beside it would fight the ghost text."""
    editor = await open_editor(ready=False)
    assert isinstance(editor.capabilities["inlineCompletionProvider"], dict)
    assert editor.capabilities["textDocumentSync"]["change"] == 2
    assert editor.capabilities.get("completionProvider") is None


@pytest.mark.parametrize("kind", [INVOKED, AUTOMATIC])
async def test_a_request_is_answered_with_the_rest_of_the_line(
    open_editor: OpenEditor, mock: MockBackend, kind: int
) -> None:
    """One request, one call for the likeliest, one item that an editor can show at the cursor, range included."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.line(document, SUM.offset, kind) == SUM.rest
    assert len([call for call in mock.completions() if call.body["temperature"] == 0]) == 1
    assert_no_popup(editor.client)


async def test_what_is_asked_for_by_hand_ends_where_the_block_ends(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """The model goes on into the next method: it is not shown, nor is half a line, nor a line end at the end."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset, INVOKED) == SUM.rest


async def test_a_superseded_request_is_answered_empty(open_editor: OpenEditor, mock: MockBackend) -> None:
    """The next request ends the wait of the one before: empty, no error, before the backend says a word."""
    mock.configure(**SLOW)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    first = editor.ask(document, SUM.offset)
    await mock.asked()
    editor.insert(document, SUM.offset, SUM.rest[0])
    second = editor.ask(document, SUM.offset + 1)
    response = await first.response()
    assert (response.error, response.items) == (None, [])
    assert second.open


async def test_an_edit_alone_answers_the_request_that_it_outdates(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A request whose text has changed is answered empty, even when no successor comes."""
    mock.configure(**SLOW)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    request = editor.ask(document, SUM.offset)
    await mock.asked()
    editor.insert(document, 0, "# moved\n")
    assert (await request.response()).items == []


async def test_cancel_without_an_edit_closes_the_http_request(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """`$/cancelRequest` is answered with RequestCancelled, and the backend sees its client go."""
    mock.configure(**SLOW)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    request = editor.ask(document, SUM.offset)
    call = (await mock.asked())[0]
    editor.client.cancel(request)
    assert (await request.response()).code == -32800
    await mock.closed(call.id)


async def test_only_a_real_cancel_is_an_error(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Cancelling what was answered long ago, or never asked, changes nothing and says nothing."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    request = editor.ask(document, SUM.offset)
    await request.response()
    editor.client.cancel(request)
    editor.client.notify("$/cancelRequest", {"id": 4711})
    editor.client.notify("$/cancelRequest", {"id": "no-such-request"})
    assert await editor.ghost(document, SUM.offset, INVOKED)
    assert_no_popup(editor.client)


async def test_a_cancel_after_an_agreeing_edit_leaves_the_call_to_its_successor(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """Type a key that agrees, cancel, ask again, as editors do: one backend call serves both requests."""
    mock.configure(policy="continue", reference=REFERENCE, first_token=1.0)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    first = editor.ask(document, SUM.offset)
    await mock.asked()
    editor.insert(document, SUM.offset, SUM.rest[0])
    editor.client.cancel(first)
    assert await editor.ghost(document, SUM.offset + 1) == SUM.rest[1:]
    assert (await first.response()).code in {None, -32800}
    assert [call.outcome for call in mock.completions()] == ["complete"]


async def test_a_call_without_a_successor_is_closed_after_a_while(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A call kept for a successor is not kept for ever: when none comes its HTTP request is closed."""
    mock.configure(**SLOW)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    request = editor.ask(document, SUM.offset)
    call = (await mock.asked())[0]
    editor.insert(document, SUM.offset, SUM.rest[0])
    editor.client.cancel(request)
    await mock.closed(call.id)


async def test_an_edit_that_disagrees_closes_the_call(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Once the text that is coming can no longer be shown nobody pays for the rest of it."""
    mock.configure(**STREAMING)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    editor.ask(document, SUM.offset)
    call = (await mock.wait_for(lambda calls: any(call.sent for call in calls)))[-1]
    editor.insert(document, SUM.offset, "#")
    await mock.closed(call.id)


async def test_an_edit_elsewhere_above_closes_the_call(open_editor: OpenEditor, mock: MockBackend) -> None:
    """The text that the call was asked with is gone: the call ends."""
    mock.configure(**STREAMING)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    editor.ask(document, SUM.offset)
    call = (await mock.asked())[0]
    editor.insert(document, 0, "import sys\n")
    await mock.closed(call.id)


async def test_a_running_call_that_agrees_is_adopted(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Three keys that agree, each with a request: one backend call, and what is left of its text."""
    mock.configure(policy="continue", reference=REFERENCE, first_token=1.0)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    requests = [editor.ask(document, SUM.offset)]
    for index in range(3):
        editor.insert(document, SUM.offset + index, SUM.rest[index])
        requests.append(editor.ask(document, SUM.offset + index + 1))
    response = await requests[-1].response()
    assert document.caret(SUM.offset + 3).ghost_text(response.items[0]) == SUM.rest[3:]
    assert [(await request.response()).items for request in requests[:-1]] == [[], [], []]
    assert len(mock.completions()) == 1


async def test_the_part_of_a_stream_that_has_come_is_shown(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """While a slow line is still coming, what there is of it is shown: earlier than the call's end."""
    mock.configure(**{**STREAMING, "per_token": 1.5})
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    editor.insert(document, SUM.offset, SUM.rest[0])
    ghost = await editor.ghost(document, SUM.offset + 1)
    call = mock.completions()[0]
    assert ghost
    assert SUM.rest[1:].startswith(ghost)
    assert call.outcome == "open"


async def test_the_same_request_twice_is_one_call(open_editor: OpenEditor, mock: MockBackend) -> None:
    """VS Code asks twice for one position: the second joins the first, and both get the text."""
    mock.configure(policy="continue", reference=REFERENCE, first_token=0.5)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    twins = [editor.ask(document, SUM.offset), editor.ask(document, SUM.offset)]
    items = [(await request.response()).items for request in twins]
    assert items[0] == items[1]
    assert document.caret(SUM.offset).ghost_text(items[1][0]) == SUM.rest
    assert len(mock.completions()) == 1


async def test_cancelling_one_of_two_twins_leaves_the_other(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """The first of two equal requests is cancelled: the second still gets the text, from the same call."""
    mock.configure(policy="continue", reference=REFERENCE, first_token=0.5)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    first, second = editor.ask(document, SUM.offset), editor.ask(document, SUM.offset)
    await mock.asked()
    editor.client.cancel(first)
    assert (await first.response()).code == -32800
    assert (await second.response()).items
    assert len(mock.completions()) == 1


async def test_other_requests_are_answered_while_a_call_hangs(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A backend that says nothing blocks nothing else: commands and other documents go on."""
    mock.configure(**SLOW)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    hanging = editor.ask(document, SUM.offset)
    await mock.asked()
    assert (await editor.command("pilotfish.backend.status")).error is None
    mock.configure(first_token=0.0)
    other = editor.open("other.py", MAX.text)
    assert await editor.line(other, MAX.offset, INVOKED) == MAX.rest
    assert hanging.open


async def test_a_cpu_backend_gets_one_call_at_a_time(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Asking in another document ends the call in flight, because two would share the CPU."""
    mock.configure(**SLOW, model={"device": "cpu", "slots": 1})
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    editor.ask(document, SUM.offset)
    call = (await mock.asked())[0]
    other = editor.open("other.py", MAX.text)
    editor.ask(other, MAX.offset, INVOKED)
    await mock.closed(call.id)


async def test_typing_through_a_suggestion_asks_nobody(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Ten characters of a suggestion, typed: each request gets the rest, from the one call there was."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    mock.configure(fault="hang")
    for index in range(10):
        editor.insert(document, SUM.offset + index, SUM.rest[index])
        assert await editor.ghost(document, SUM.offset + index + 1) == SUM.rest[index + 1 :]
    assert len(mock.completions()) == 1


async def test_what_may_follow_is_asked_for_in_advance(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Once a suggestion is shown, a remote backend that is idle is asked how the text would go on after it."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor(options={"completion": {"prefetch": "auto"}})
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    ahead = (await mock.asked(2))[1]
    assert ahead.body["prompt"].rstrip().endswith(SUM.rest)


async def test_a_cpu_is_not_asked_in_advance(open_editor: OpenEditor, mock: MockBackend) -> None:
    """On a CPU a call in advance would be in the way of the next real one, so by default there is none."""
    mock.configure(policy="continue", reference=REFERENCE, model={"device": "cpu", "slots": 1})
    editor = await open_editor(options={"completion": {"prefetch": "auto"}})
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    await asyncio.sleep(1)
    assert len(mock.completions()) == 1


async def test_deletion_does_not_ask(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A backspace is no wish for a suggestion; asked by hand there is one."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.reference[: SUM.offset] + "sx" + SUM.reference[SUM.offset :])
    editor.replace(document, SUM.offset + 1, SUM.offset + len("sx") + len(SUM.rest), "")
    assert await editor.ghost(document, SUM.offset + 1) == ""
    assert mock.completions() == []
    assert await editor.line(document, SUM.offset + 1, INVOKED) == SUM.rest[1:]


async def test_a_word_right_of_the_cursor_is_not_completed_unasked(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """In the middle of a line automatic requests cost no call; asked by hand there are some."""
    editor = await open_editor()
    document = editor.open("shop.py", REFERENCE)
    assert await editor.ghost(document, SUM.offset) == ""
    assert mock.completions() == []
    await editor.ask(document, SUM.offset, INVOKED).response()
    assert mock.completions()


async def test_trigger_kind_0_is_the_invoked_of_an_old_client(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A client that sends 0 is answered, without a popup, and its 1 means automatic from then on."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.line(document, SUM.offset, 0) == SUM.rest
    assert_no_popup(editor.client)
    whole = editor.open("whole.py", REFERENCE)
    before = len(mock.completions())
    assert (await editor.ask(whole, SUM.offset, 1).response()).items == []
    assert len(mock.completions()) == before


async def test_nothing_stale_is_shown_when_the_text_turns_away(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """The answer agrees with nine keys and then differs: nothing that disagrees is ever shown."""
    mock.configure(
        policy="continue",
        reference=REFERENCE,
        diverge_at=SUM.offset + 9,
        divergence=DIVERGENCE,
        first_token=0.1,
        per_token=0.05,
    )
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)

    def expected(typed: int) -> list[str]:
        truth = [*following(REFERENCE, SUM.offset)(typed)]
        # At nine keys exactly, the older answer has not been contradicted yet.
        return truth if typed > 9 else [*truth, SUM.rest[typed:9] + DIVERGENCE]

    run = await type_text(
        editor,
        document,
        SUM.offset,
        SUM.rest[:16],
        rhythm=Rhythm(interval=0.15),
        expected=expected,
    )
    assert [key.wrong for key in run.keys if key.wrong] == []
    assert run.unanswered == 0


async def test_a_storm_of_requests_is_answered_one_for_one(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """Edits, requests and cancels in random order, faster than any backend: one answer each."""
    mock.configure(policy="continue", reference=REFERENCE, first_token=0.02, per_token=0.002)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    choose = random.Random(20261121)
    cursor, requests = SUM.offset, []
    for _ in range(200):
        action = choose.choice(["key", "key", "wrong key", "ask", "ask", "cancel", "delete"])
        if action in {"key", "wrong key"}:
            right = SUM.rest[cursor - SUM.offset : cursor - SUM.offset + 1] or "x"
            editor.insert(document, cursor, right if action == "key" else "?")
            cursor += 1
        elif action == "delete" and cursor > SUM.offset:
            editor.replace(document, cursor - 1, cursor, "")
            cursor -= 1
        elif action == "ask":
            requests.append(editor.ask(document, cursor, choose.choice([INVOKED, AUTOMATIC])))
        elif requests:
            editor.client.cancel(choose.choice(requests))
    for request in requests:
        response = await request.response()
        assert response.code in {None, -32800}
    await _settled(editor)
    assert_answered_once(editor.client)
    assert_no_popup(editor.client)


async def _settled(editor: Editor) -> None:
    """Any answer that is on its way is here once a later request is answered."""
    await editor.command("pilotfish.backend.status")
