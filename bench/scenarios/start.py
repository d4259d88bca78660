"""From the start of the process to the answer to `initialize`, and memory at rest."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.editor import INVOKED, Editor
from harness.environment import isolated
from harness.lsp_client import LspClient
from harness.programs import language_server
from scenarios.places import MIDDLE, clear, fresh_places, key_and_ask
from scenarios.report import Row, median, milliseconds
from scenarios.session import Bench, resident_mb, session, temporary_home

BARE = [sys.executable, "-P", str(Path(__file__).with_name("bare_pygls.py"))]


async def start(bench: Bench) -> list[Row]:
    """Our server and a bare pygls server, one after the other in turns, so that both meet the same machine."""
    bench.reset()
    ours_argv = bench.server or language_server()
    ours, bare = [], []
    async with temporary_home() as home:
        for _ in range(2):  # the first start of each compiles modules
            await _started(bench, BARE, home)
            await _started(bench, ours_argv, home)
        for _ in range(bench.starts):
            bare.append(await _started(bench, BARE, home))
            ours.append(await _started(bench, ours_argv, home))
    ratio = median(ours) / median(bare)
    return [
        Row(
            "start",
            "process start to initialize, p50",
            median(ours) * 1000,
            "ms",
            300,
            samples=milliseconds(ours),
        ),
        Row("start", "a bare pygls server, p50", median(bare) * 1000, "ms", samples=milliseconds(bare)),
        Row("start", "ours / bare", ratio, "", 1.0),
    ]


async def memory(bench: Bench) -> list[Row]:
    """Resident memory after eight answered requests."""
    bench.reset()
    async with session(bench) as editor:
        document = editor.open("place.py", MIDDLE)
        for place in fresh_places(MIDDLE, count=8):
            clear(editor, document, place)
            _, request = key_and_ask(editor, document, place, INVOKED)
            await request.response()
        value = resident_mb(editor)
    return [Row("memory", "resident after 8 requests", value, "MB", 60)]


async def _started(bench: Bench, argv: Sequence[str], home: Path) -> float:
    began = time.monotonic()
    client = await LspClient.start(argv, env=isolated(home), cwd=home)
    try:
        await Editor(client, home).initialize(options={"backend": {"url": bench.mock.url}})
        answered = client.requests[1].responses[0].received
    finally:
        await client.stop()
    return answered - began
