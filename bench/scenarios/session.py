"""What every scenario needs: a language server in a home of its own, in front of the mock backend."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.conduct import assert_answered_once
from harness.editor import Editor
from harness.environment import isolated
from harness.lsp_client import LspClient
from harness.processes import MockBackend
from harness.programs import language_server

TOKEN_CHARS = 4
"""Characters of a token of the mock backend; real ones have three to four in source code."""


@dataclass(slots=True)
class Bench:
    """What a run of the benchmark is made with."""

    mock: MockBackend
    server: tuple[str, ...] = ()
    """Another language server's command, to compare with; empty: ours."""
    repeat: int = 3
    """How often a burst is typed."""
    requests: int = 100
    """Requests of a latency scenario."""
    starts: int = 15
    """Starts of each program."""
    model: str | None = None
    """Model for the scenarios with a real one; None: the default."""

    def reset(self, **behaviour: object) -> None:
        """The mock with its defaults and an empty log, and then as told."""
        self.mock.reset()
        self.mock.configure(token_chars=TOKEN_CHARS, **behaviour)


@asynccontextmanager
async def temporary_home() -> AsyncIterator[Path]:
    """A directory that is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="pilotfish-bench-"))
    try:
        yield home
    finally:
        # A process that is just ending may still be writing into it.
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


@asynccontextmanager
async def session(
    bench: Bench,
    *,
    options: Mapping[str, Any] | None = None,
    url: str | None = None,
    ready: bool = True,
    conduct: bool = True,
) -> AsyncIterator[Editor]:
    """An initialized editor; its server is stopped afterwards, and must have answered every request once."""
    async with temporary_home() as home:
        workspace = home / "workspace"
        workspace.mkdir()
        client = await LspClient.start(bench.server or language_server(), env=isolated(home), cwd=workspace)
        editor = Editor(client, workspace)
        try:
            chosen = dict(options or {})
            chosen["backend"] = {"url": url or bench.mock.url, **chosen.get("backend", {})}
            await editor.initialize(options=chosen)
            if ready and not bench.server:
                await editor.ready()
            yield editor
        finally:
            await client.stop()
        if conduct and not bench.server:
            assert_answered_once(client)


def process_of(editor: Editor) -> psutil.Process:
    """The server's process."""
    assert editor.client.process is not None
    return psutil.Process(editor.client.process.pid)


def resident_mb(editor: Editor) -> float:
    """Resident memory of the server and of whatever it started, in MB (10^6 bytes)."""
    process = process_of(editor)
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) / 1e6
