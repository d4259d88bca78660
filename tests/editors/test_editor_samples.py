"""The samples are good: without any editor, the real model suggests what the tests of editors need."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.editor import AUTOMATIC, INVOKED, Editor
from harness.editor_samples import (
    BLOCK,
    CRLF,
    LATENCY_BASE,
    LATENCY_KEYS,
    LINE,
    LOOP,
    TABS,
    WIDE,
    EditorSample,
)
from harness.editor_world import World
from harness.lsp_client import LspClient


@pytest.fixture
async def editor(world: World) -> AsyncIterator[Editor]:
    """A language server of the user's, with the local backend that it has started."""
    client = await LspClient.start([str(world.bin / "pilotfish")], env=world.env, cwd=world.project)
    opened = await Editor(client, world.project).initialize(options={"completion": {"prefetch": "never"}})
    await opened.ready(60)
    yield opened
    await client.stop()


async def suggested(editor: Editor, sample: EditorSample, kind: int = AUTOMATIC) -> str:
    """What is suggested at the end of a sample's typing."""
    document = editor.open(sample.name, sample.before + sample.after)
    offset = len(sample.before)
    text = ""
    for character in sample.typed:
        editor.insert(document, offset, character)
        offset += 1
        text = await editor.ghost(document, offset, kind)
    editor.close(document)
    return text


async def test_every_place_brings_a_suggestion(editor: Editor) -> None:
    """Two words and more in a line; several lines when asked for by hand."""
    for sample in (LINE, LOOP, WIDE, CRLF, TABS):
        text = await suggested(editor, sample)
        assert len(text.split()) >= 2, (sample.name, text)
        assert "\n" not in text, (sample.name, text)
    assert (await suggested(editor, BLOCK, INVOKED)).count("\n") >= 2


async def test_every_key_of_the_latency_sample_asks_the_model(editor: Editor, world: World) -> None:
    """Each of twenty keys at one place is suggested something for, and by the model, not from memory."""
    sample = LATENCY_BASE
    document = editor.open(sample.name, sample.before + sample.after)
    offset = len(sample.before)
    assert len(set(LATENCY_KEYS)) == 20
    for key in LATENCY_KEYS:
        before = world.completions()
        editor.insert(document, offset, key)
        assert await editor.ghost(document, offset + 1, AUTOMATIC), key
        assert world.completions() > before, key
        editor.replace(document, offset, offset + 1, "")


def test_samples_say_what_is_on_disk(tmp_path: Path) -> None:
    """What was accepted stands between what was typed and what follows, with the file's own line ends."""
    path = tmp_path / CRLF.name
    path.write_bytes(CRLF.with_accepted("x:\n    y"))
    assert path.read_bytes().endswith(b"\r\n\r\nifx:\r\n    y\r\n")
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")
    assert CRLF.line == "if"
    assert CRLF.row == LINE.row == 7
