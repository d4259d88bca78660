"""Text of every kind over stdio: encodings, line ends, and places where an editor's cursor can stand."""

from typing import Any

import pytest

from harness.conduct import assert_no_popup
from harness.documents import Encoding
from harness.editor import AUTOMATIC, INVOKED
from harness.fixtures import OpenEditor
from harness.processes import MockBackend
from harness.samples import REFERENCE, SUM

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
WIDE = 'greeting = "\U0001f41f \u6f22\u5b57 e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467"; total = '
"""A line with an emoji, CJK, a combining accent and a joined emoji left of the cursor."""
BEFORE = 'names = ["\U0001f41f", "\u00fc"]\n'


def _prompt(mock: MockBackend) -> str:
    """What the last call was asked with, up to the cursor."""
    body: dict[str, Any] = mock.completions()[-1].body
    return str(body["prompt"]) + str(body.get("fim_middle") or "")


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_wide_characters_left_of_the_cursor(
    open_editor: OpenEditor, mock: MockBackend, encoding: Encoding
) -> None:
    """The cursor is where the client means it, and so is the range that comes back, in each encoding."""
    mock.configure(text=" sum(items)\n")  # the space before it is not sent, so the model says it
    editor = await open_editor(encodings=[encoding])
    assert editor.encoding == encoding
    text = BEFORE + WIDE + "\nmore = 1\n"
    document = editor.open("wide.py", text)
    offset = len(BEFORE + WIDE)
    caret = document.caret(offset)
    response = await editor.ask(document, offset).response()
    assert caret.after_accepting(response.items[0]) == WIDE + "sum(items)"
    assert _prompt(mock).endswith(WIDE.rstrip())
    assert_no_popup(editor.client)


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_edits_after_wide_characters(
    open_editor: OpenEditor, mock: MockBackend, encoding: Encoding
) -> None:
    """Insertions, replacements and deletions right of wide characters leave both sides with the same text."""
    editor = await open_editor(encodings=[encoding])
    document = editor.open("wide.py", BEFORE + WIDE)
    editor.insert(document, len(document.text), "\U0001f40d")
    editor.replace(
        document, document.text.index("\u6f22"), document.text.index("\u6f22") + 2, "\U0001f600\u00e9"
    )
    editor.replace(document, document.text.index("\u00fc"), document.text.index("greeting"), '"]\n')
    editor.insert(document, document.text.index("\u200d"), "\u2028")  # no line end for LSP
    editor.replace(document, len(document.text) - 1, len(document.text), "x")
    await editor.ask(document, len(document.text), INVOKED).response()
    assert _prompt(mock).endswith(document.text.splitlines(keepends=False)[-1][-20:])
    assert _prompt(mock).endswith(document.text[-80:])


async def test_a_client_that_offers_no_encoding_gets_utf16(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """Without `general.positionEncodings` positions are UTF-16 code units."""
    editor = await open_editor()
    assert editor.encoding == "utf-16"
    document = editor.open("wide.py", BEFORE + WIDE)
    await editor.ask(document, len(document.text), INVOKED).response()
    assert _prompt(mock).endswith(WIDE.rstrip())


async def test_unknown_encodings_fall_back_to_utf16(open_editor: OpenEditor) -> None:
    """A client that offers an encoding from the future still gets one that both know."""
    editor = await open_editor(encodings=["utf-7", "utf-16"], ready=False)
    assert editor.encoding == "utf-16"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_line_ends(open_editor: OpenEditor, mock: MockBackend, end: str) -> None:
    """With either line end the cursor is on its line, and nothing that is shown holds a carriage return."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    text = SUM.text.replace("\n", end)
    offset = len(SUM.text[: SUM.offset].replace("\n", end))
    document = editor.open("shop.py", text)
    caret = document.caret(offset)
    response = await editor.ask(document, offset).response()
    assert caret.after_accepting(response.items[0]) == caret.text + SUM.rest
    editor.insert(document, offset, SUM.rest[:4])
    assert await editor.ghost(document, offset + 4, AUTOMATIC) == SUM.rest[4:]


async def test_tabs(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Tabs are characters like others: nothing is counted as columns of a screen."""
    reference = "def f(items):\n\tfor item in items:\n\t\tprint(item, flush=True)\n"
    mock.configure(policy="continue", reference=reference)
    editor = await open_editor()
    offset = reference.index("(item, flush")
    document = editor.open("tabs.py", reference[:offset] + "\n")
    assert await editor.ghost(document, offset) == "(item, flush=True)"
    assert "\t\tprint" in _prompt(mock)


async def test_no_final_newline(open_editor: OpenEditor, mock: MockBackend) -> None:
    """The cursor at the very end of a document without a final newline."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", REFERENCE[: SUM.offset])
    assert await editor.ghost(document, SUM.offset) == SUM.rest


async def test_an_empty_document(open_editor: OpenEditor, mock: MockBackend) -> None:
    """An empty document is silent unasked, and asked by hand it is answered, with the range at its start."""
    mock.configure(text="import json\n")
    editor = await open_editor()
    document = editor.open("empty.py", "")
    assert await editor.ghost(document, 0, AUTOMATIC) == ""
    assert mock.completions() == []
    assert await editor.line(document, 0, INVOKED) in {"import json", ""}


@pytest.mark.parametrize("position", [{"line": 18, "character": 9999}, {"line": 9999, "character": 0}])
async def test_a_cursor_past_the_end_is_clamped(
    open_editor: OpenEditor, mock: MockBackend, position: dict[str, int]
) -> None:
    """A position past the line's end means its end, one past the document's end means that, as LSP says."""
    mock.configure(text="compute(items)\n")
    editor = await open_editor()
    document = editor.open("shop.py", REFERENCE)
    response = await editor.ask_at(document.uri, position, INVOKED).response()
    assert response.error is None
    assert_no_popup(editor.client)
    for item in response.items:
        line = item["range"]["end"]["line"]
        assert line <= REFERENCE.count("\n")
        assert item["range"]["end"]["character"] <= len(REFERENCE.split("\n")[line])
    if position["line"] == 18:
        assert _prompt(mock).endswith(REFERENCE.split("\n")[18])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_a_position_inside_a_character(
    open_editor: OpenEditor, mock: MockBackend, encoding: Encoding
) -> None:
    """A column in the middle of an emoji is a client's mistake: answered, and no half character goes out."""
    editor = await open_editor(encodings=[encoding])
    document = editor.open("wide.py", 'value = "\U0001f41f')
    response = await editor.ask_at(document.uri, {"line": 0, "character": 10}, INVOKED).response()
    assert response.error is None
    for call in mock.completions():
        call.body["prompt"].encode()
    assert_no_popup(editor.client)


async def test_a_lone_surrogate(open_editor: OpenEditor, mock: MockBackend) -> None:
    """JavaScript editors can send half a surrogate pair: the request is answered and later ones work."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("half.py", 'broken = "\ud83d"\nvalue = ')
    assert (await editor.ask(document, len(document.text), INVOKED).response()).error is None
    other = editor.open("shop.py", SUM.text)
    assert await editor.line(other, SUM.offset, INVOKED) == SUM.rest
    assert_no_popup(editor.client)


async def test_a_change_without_a_range_replaces_everything(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """Full synchronization, as some clients do after a reload, is understood too."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", "something else\n")
    editor.set_text(document, SUM.text)
    assert await editor.line(document, SUM.offset, INVOKED) == SUM.rest


@pytest.mark.parametrize(
    "text",
    ["x = 1\n" * 1_700_000, "data = '" + "0123456789abcdef" * 65_536 + "'; total = "],
    ids=["ten megabytes", "a line of one megabyte"],
)
async def test_a_huge_document_gets_a_bounded_prompt(
    open_editor: OpenEditor, mock: MockBackend, text: str
) -> None:
    """However large the document or its line, what goes out is a bounded window."""
    editor = await open_editor()
    document = editor.open("huge.py", text)
    await editor.ask(document, len(text), INVOKED).response()
    editor.insert(document, len(text), "y")
    await editor.ask(document, len(text) + 1, AUTOMATIC).response()
    for call in mock.completions():
        assert len(call.body["prompt"]) + len(call.body.get("suffix") or "") < 65_536
    assert_no_popup(editor.client)


async def test_what_is_sent_never_grows_with_the_suffix(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A backend without FIM is not sent the text after the cursor; one with FIM gets a bounded part of it."""
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    await editor.ask(document, SUM.offset, INVOKED).response()
    body = mock.completions()[-1].body
    assert not body.get("suffix")
    assert "heaviest" not in body["prompt"]


async def test_a_fim_backend_is_sent_the_suffix(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Where `/v1/models` says `fim`, the text after the cursor goes into `suffix`."""
    mock.configure(model={"fim": True})
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    await editor.ask(document, SUM.offset, INVOKED).response()
    assert "heaviest" in mock.completions()[-1].body["suffix"]


KNOWN_FIELDS = {
    *("model", "prompt", "suffix", "max_tokens", "temperature", "top_p", "n", "stream", "stream_options"),
    *("stop", "seed", "user"),
}


async def test_our_extensions_go_only_to_a_backend_that_announces_them(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A plain OpenAI server refuses fields that it does not know: it is sent none, and no warm-up."""
    mock.configure(model={"fim": True, "extensions": []})
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    await editor.ask(document, SUM.offset, INVOKED).response()
    editor.insert(document, SUM.offset, "q")
    await editor.ask(document, SUM.offset + 1, INVOKED).response()
    bodies = [call.body for call in mock.log() if call.path.endswith("/completions")]
    assert bodies
    for body in bodies:
        assert set(body) <= KNOWN_FIELDS
        assert body["max_tokens"] > 0
