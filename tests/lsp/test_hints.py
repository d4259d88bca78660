"""Inlay hints as ghost text: where they stand, what follows them, and when a request for one is answered."""

import asyncio
import time
from typing import Any

import pytest

from harness.documents import TextDocument
from harness.editor import Editor
from harness.fixtures import OpenEditor
from harness.lsp_client import Request
from harness.processes import MockBackend
from harness.samples import REFERENCE, SUM
from pilotfish.lsp.documents import Cursor, Edit, TextBuffer
from pilotfish.lsp.filters import Suggestion
from pilotfish.lsp.hints import Hint, Hints, beginning, caret_after, typed_into, until_quiet, visible
from pilotfish.lsp.typing_rhythm import Rhythm

URI = "file:///shop.py"
CONTINUE: dict[str, Any] = {"policy": "continue", "reference": REFERENCE}


def edit(before: str, start: Cursor, text: str, end: Cursor | None = None) -> Edit:
    """What putting ``text`` into a document reads as."""
    return TextBuffer(before).replace(start, end or start, text)


@pytest.mark.parametrize(
    ("before", "start", "text", "caret"),
    [
        ("return ", Cursor(0, 7), "a", Cursor(0, 8)),
        ("print", Cursor(0, 5), "()", Cursor(0, 6)),
        ("name = ", Cursor(0, 7), '""', Cursor(0, 8)),
        ("call", Cursor(0, 4), "(a)", Cursor(0, 7)),
        ("call()", Cursor(0, 5), "\n    \n", Cursor(1, 4)),
        ("call()\r\n", Cursor(0, 5), "\r\n    \r\n", Cursor(1, 4)),
        ("def f():", Cursor(0, 8), "\n    ", Cursor(1, 4)),
        ("a\nb", Cursor(0, 1), "\n\nc", Cursor(2, 1)),
    ],
)
def test_the_caret_is_where_an_edit_left_it(before: str, start: Cursor, text: str, caret: Cursor) -> None:
    """At the inserted text's end; inside of brackets and quotes that the editor closed for one key."""
    assert caret_after(edit(before, start, text)) == caret


@pytest.mark.parametrize(
    ("typed", "rest"),
    [("a", " + b"), ("a + ", "b"), ("z", None), ("a + b", None)],
)
def test_a_hint_follows_what_is_typed_into_it(typed: str, rest: str | None) -> None:
    """The rest stays to be accepted; a hint that is contradicted or used up is gone."""
    hint = Hint(URI, Cursor(0, 7), Suggestion("a + b"))
    left = typed_into(hint, edit("return ", Cursor(0, 7), typed))
    assert (left and left.suggestion.text) == rest
    assert left is None or left.cursor == Cursor(0, 7 + len(typed))


def test_a_hint_of_several_lines_follows_an_accepted_line() -> None:
    """Also where the document has another line end."""
    hint = Hint(URI, Cursor(0, 3), Suggestion("\n    a\n    b"))
    left = typed_into(hint, edit("if:\r\n", Cursor(0, 3), "\r\n    a"))
    assert left == Hint(URI, Cursor(1, 5), Suggestion("\n    b"))


def test_an_edit_elsewhere_or_a_deletion_ends_a_hint() -> None:
    """Nothing is inserted that fits another text."""
    hint = Hint(URI, Cursor(0, 7), Suggestion("a + b"))
    assert typed_into(hint, edit("return ", Cursor(0, 0), "a")) is None
    assert typed_into(hint, edit("return ", Cursor(0, 6), "", Cursor(0, 7))) is None


@pytest.mark.parametrize(
    ("amount", "taken"),
    [
        ("word", "first"),
        ("line", "first + second"),
        ("", "first + second\n    third"),
        ("?", "first + second\n    third"),
    ],
)
def test_a_word_or_a_line_can_be_taken(amount: str, taken: str) -> None:
    """Anything else means all."""
    assert beginning(Suggestion("first + second\n    third"), amount).text == taken


def test_what_follows_a_word_can_be_taken_next() -> None:
    """White space goes with what it stands in front of; the last word brings what the suggestion replaces."""
    assert beginning(Suggestion(" + second", 1), "word") == Suggestion(" +")
    assert beginning(Suggestion("\n    third", 1), "line") == Suggestion("\n    third", 1)
    assert beginning(Suggestion(" second)", 1), "word") == Suggestion(" second")
    assert beginning(Suggestion(")", 1), "word") == Suggestion(")", 1)


def test_a_closer_that_is_there_is_not_drawn_twice() -> None:
    """The hint stands in front of the bracket that accepting it replaces."""
    assert visible(Suggestion("a, b)", 1), ")\n").text == "a, b"
    assert visible(Suggestion("a, b)"), ")\n").text == "a, b)"
    assert visible(Suggestion("a:\n    b", 1), ")\n").text == "a:\n    b"


def test_no_answer_is_sent_while_a_key_is_due() -> None:
    """In a burst of a key each 0.1 s: at once just after a key and well past the next one, not in between."""
    rhythm = Rhythm()
    assert until_quiet(rhythm, 5.0) == 0
    for key in (1.0, 1.1, 1.2):
        rhythm.key(key)
    assert until_quiet(rhythm, 1.24) == 0
    assert until_quiet(rhythm, 1.29) == pytest.approx(0.06)
    assert until_quiet(rhythm, 1.4) == 0


class Place:
    """A document whose suggestion is given by hand, and requests for its hint."""

    def __init__(self) -> None:
        self.buffer = TextBuffer("return ")
        self.suggestions: dict[int, asyncio.Future[Suggestion | None]] = {}
        self.hints = Hints(self.suggest)
        self.type("a", 7)

    def type(self, text: str, column: int) -> None:
        """Insert a text into the only line."""
        place = Cursor(0, column)
        self.hints.edited(URI, self.buffer.replace(place, place, text))

    async def suggest(self, _uri: str, cursor: Cursor) -> Suggestion | None:
        """Wait for the suggestion at a column."""
        return await self.suggestions.setdefault(cursor.column, asyncio.Future())

    async def ask(self, lines: tuple[int, int] = (0, 9)) -> "asyncio.Task[Hint | None]":
        """Ask for the hint, and let the request begin."""
        asked = asyncio.create_task(self.hints.answer(URI, lines))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return asked


async def test_an_old_request_waits_for_the_next_one() -> None:
    """Helix takes any answer for the present text's: one to an older text would keep it from asking again."""
    place = Place()
    old = await place.ask()
    place.type("b", 8)
    place.suggestions[8].set_result(Suggestion("wrong"))
    await asyncio.sleep(0.05)
    assert not old.done()
    new = await place.ask()
    place.suggestions[9].set_result(Suggestion("right"))
    expected = Hint(URI, Cursor(0, 9), Suggestion("right"))
    assert await old == expected
    assert place.hints.shown == expected
    assert not new.done()
    place.hints.closed(URI)


async def test_a_request_that_was_kept_mends_what_a_crossing_key_spoilt() -> None:
    """A key that crosses an answer brings no request, and the hint would stay wrong; the kept request gets it right."""
    place = Place()
    old = await place.ask()
    place.type("b", 8)
    kept = await place.ask()
    place.suggestions[9].set_result(Suggestion("first"))
    assert await old == Hint(URI, Cursor(0, 9), Suggestion("first"))
    place.type("c", 9)
    place.suggestions[10] = asyncio.Future()
    place.suggestions[10].set_result(Suggestion("second"))
    assert await asyncio.wait_for(kept, 5) == Hint(URI, Cursor(0, 10), Suggestion("second"))


async def test_two_windows_with_the_same_text_both_get_the_hint() -> None:
    """Neither of their requests is kept."""
    place = Place()
    old = await place.ask()
    place.type("b", 8)
    first, second = await place.ask(), await place.ask()
    place.suggestions[9].set_result(Suggestion("right"))
    assert await old == await first == await second == Hint(URI, Cursor(0, 9), Suggestion("right"))


async def test_a_hint_that_went_wrong_is_cleared_while_the_next_is_thought_of() -> None:
    """The answer that was owed takes it from the screen; the new request stays open for the new hint."""
    place = Place()
    place.suggestions[8] = asyncio.Future()
    place.suggestions[8].set_result(Suggestion("shown"))
    assert await (await place.ask()) is not None
    place.type("b", 8)
    old = await place.ask()
    place.type("c", 9)
    new = await place.ask()
    assert await asyncio.wait_for(old, 5) is None
    assert not new.done()
    place.suggestions[10].set_result(Suggestion("right"))
    assert await new == Hint(URI, Cursor(0, 10), Suggestion("right"))


async def test_an_answer_that_is_owed_waits_again_after_another_key() -> None:
    """Given after a key, and before the request that the key brings, it would keep that request from being made."""
    place = Place()
    old = await place.ask()
    place.type("b", 8)
    await place.ask()
    place.type("c", 9)
    await asyncio.sleep(0.3)
    assert not old.done()
    new = await place.ask()
    place.suggestions[10].set_result(Suggestion("right"))
    assert await old == Hint(URI, Cursor(0, 10), Suggestion("right"))
    assert not new.done()
    place.hints.closed(URI)


async def test_nothing_is_hinted_at_where_text_was_taken_away() -> None:
    """Ghost text in normal mode, after undoing or deleting, would be in the way; also if it is remembered."""
    place = Place()
    place.hints.edited(URI, place.buffer.replace(Cursor(0, 7), Cursor(0, 8), ""))
    place.suggestions[7] = asyncio.Future()
    place.suggestions[7].set_result(Suggestion("known"))
    assert await asyncio.wait_for(await place.ask(), 5) is None


async def test_half_a_line_waits_for_its_rest() -> None:
    """Nothing asks for the rest once the half is on the screen."""
    place = Place()
    told = [Suggestion("a"), Suggestion("a + "), Suggestion("a + b"), Suggestion("a + b")]

    async def suggest(_uri: str, _cursor: Cursor) -> Suggestion | None:
        return told.pop(0)

    place.hints = Hints(suggest)
    place.type("b", 8)
    assert await (await place.ask()) == Hint(URI, Cursor(0, 9), Suggestion("a + b"))


async def test_a_preview_in_the_text_takes_the_place_of_the_hint() -> None:
    """Helix asks once more for the hint that it has when it previews an entry of the menu, and shows it beside that."""
    now = 100.0
    place = Place()

    async def suggest(_uri: str, _cursor: Cursor) -> Suggestion | None:
        return Suggestion("b")

    place.hints = Hints(suggest, clock=lambda: now)
    place.type("b", 8)
    assert await (await place.ask()) is not None
    assert await (await place.ask()) is not None, "two windows ask at the same moment"
    now += 0.1
    assert await (await place.ask((5, 20))) is not None, "the text was scrolled"
    now += 0.1
    assert await (await place.ask((5, 20))) is None
    place.type("b", 9)
    assert await (await place.ask((5, 20))) is not None


async def test_closing_a_document_answers_its_requests() -> None:
    """No request is left unanswered."""
    place = Place()
    asked = await place.ask()
    place.hints.closed(URI)
    assert await asked is None
    assert place.hints.shown is None


async def test_only_the_hint_of_the_document_in_front_can_be_accepted() -> None:
    """The accept command does not say where it was given: a hint elsewhere must not be meant."""
    place = Place()
    place.suggestions[8] = asyncio.Future()
    place.suggestions[8].set_result(Suggestion("b"))
    assert await (await place.ask()) is not None
    assert await place.hints.answer("file:///other.py", (0, 9)) is None
    assert place.hints.shown is None


def _ask(editor: Editor, document: TextDocument) -> Request:
    whole = {"start": {"line": 0, "character": 0}, "end": document.position(len(document.text))}
    params = {"textDocument": {"uri": document.uri}, "range": whole}
    return editor.client.request("textDocument/inlayHint", params)


async def test_helix_is_told_of_the_last_key(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A key during a request leaves it open until the next is there; then it is answered for the text as it is."""
    mock.configure(**CONTINUE, first_token=0.3)
    editor = await open_editor(name="helix", capabilities={})
    document = editor.open("shop.py", SUM.text)
    editor.insert(document, SUM.offset, SUM.rest[:4])
    old = _ask(editor, document)
    await asyncio.sleep(0.1)
    editor.insert(document, SUM.offset + 4, "#")
    await asyncio.sleep(0.5)
    assert old.open
    editor.replace(document, SUM.offset + 4, SUM.offset + 5, SUM.rest[4])
    new = _ask(editor, document)
    (hint,) = (await old.response()).result
    assert hint["position"] == document.position(SUM.offset + 5)
    assert hint["label"].startswith(SUM.rest[5:10])
    assert new.open
    editor.close(document)
    assert (await new.response()).result == []


@pytest.mark.parametrize(("name", "spoken"), [("helix", True), ("harness", False)])
async def test_helix_hears_the_status(
    open_editor: OpenEditor, mock: MockBackend, name: str, *, spoken: bool
) -> None:
    """Helix has no place for a status and drops a command's answer, so it is told in words; others are not."""
    mock.configure(**CONTINUE)
    editor = await open_editor(name=name)
    assert (await editor.command("pilotfish.backend.status")).result["state"] == "ready"
    await editor.command("pilotfish.toggle")
    await editor.command("pilotfish.toggle")
    told = [params["message"] for params in editor.client.received("window/showMessage")]
    assert len(told) == (3 if spoken else 0)
    for message, state in zip(told, ("ready (mock-model, remote backend)", "off", "ready"), strict=False):
        assert message.startswith(f"Pilotfish is {state}")


async def test_a_word_is_accepted_and_then_the_rest(open_editor: OpenEditor, mock: MockBackend) -> None:
    """What is left can be accepted at once, without another hint being asked for."""
    mock.configure(**CONTINUE)
    editor = await open_editor(name="helix", capabilities={})
    document = editor.open("shop.py", SUM.text)
    editor.insert(document, SUM.offset, SUM.rest[:4])
    assert (await _ask(editor, document).response()).result

    def apply(params: dict[str, Any]) -> dict[str, bool]:
        (change,) = params["edit"]["documentChanges"]
        assert change["textDocument"].get("version") is None
        (only,) = change["edits"]
        caret = SUM.offset + len(document.text) - len(SUM.text)
        assert only["range"]["start"] == document.position(caret)
        editor.insert(document, caret, only["newText"])
        return {"applied": True}

    editor.client.handlers["workspace/applyEdit"] = apply
    for amount in ("word", ""):
        before = document.text
        await editor.command("pilotfish.accept", *([amount] if amount else []))
        deadline = time.monotonic() + 30
        while document.text == before and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        inserted = document.text[SUM.offset : SUM.offset + len(document.text) - len(SUM.text)]
        assert SUM.rest.startswith(inserted)
    assert inserted == SUM.rest
