"""The samples are good: without any editor, the real model suggests what the tests of editors need."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
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

DEADLINE = 30.0


@pytest.fixture
async def editor(world: World) -> AsyncIterator[Editor]:
    """A language server of the user's, with the local backend that it has started."""
    client = await LspClient.start([str(world.bin / "pilotfish")], env=world.env, cwd=world.project)
    try:
        opened = await Editor(client, world.project).initialize(options={"completion": {"prefetch": "never"}})
        await opened.ready(60)
        yield opened
    finally:
        await client.stop()


async def suggested(
    editor: Editor, sample: EditorSample, good: Callable[[str], bool], kind: int = AUTOMATIC
) -> str:
    """What is suggested at the end of a sample's typing: the last answer that was tried, a good one in the end."""
    document = editor.open(sample.name, sample.before + sample.after)
    offset = len(sample.before)
    for character in sample.typed:
        editor.insert(document, offset, character)
        offset += 1
    # On a busy machine the first answer may be the beginning of a line that is still being written.
    deadline = time.monotonic() + DEADLINE
    while not good(text := await editor.ghost(document, offset, kind)) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    editor.close(document)
    return text


async def test_every_place_brings_a_suggestion(editor: Editor) -> None:
    """Two words and more in a line; several lines when asked for by hand."""
    for sample in (LINE, LOOP, WIDE, CRLF, TABS):
        text = await suggested(editor, sample, lambda text: len(text.split()) >= 2)
        assert len(text.split()) >= 2, (sample.name, text)
        assert "\n" not in text, (sample.name, text)
    text = await suggested(editor, BLOCK, lambda text: text.count("\n") >= 2, INVOKED)
    assert text.count("\n") >= 2, text


async def test_every_key_of_the_latency_sample_asks_the_model(editor: Editor, world: World) -> None:
    """Each of twenty keys at one place is suggested something for, and by the model, not from memory."""
    assert len(set(LATENCY_KEYS)) == 20
    for key in LATENCY_KEYS:
        before = world.completions()
        assert await suggested(editor, replace(LATENCY_BASE, typed=key), bool), key
        # Between two of the backend's counters a request that ends is in neither for a moment.
        async with asyncio.timeout(DEADLINE):
            while world.completions() <= before:
                await asyncio.sleep(0.05)


def test_samples_say_what_is_on_disk(tmp_path: Path) -> None:
    """What was accepted stands between what was typed and what follows, with the file's own line ends."""
    path = tmp_path / CRLF.name
    path.write_bytes(CRLF.with_accepted("x:\n    y"))
    assert path.read_bytes().endswith(b"\r\n\r\nifx:\r\n    y\r\n")
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")
    assert CRLF.line == "if"
    assert CRLF.row == LINE.row == 7
