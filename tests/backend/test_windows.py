"""Two windows, the real language server, backend and model: one backend for both, and nothing left behind."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from harness.editor import INVOKED, Editor
from harness.environment import isolated
from harness.lsp_client import LspClient
from harness.programs import language_server
from harness.samples import SUM
from pilotfish.backend.models.local import LocalModel

pytestmark = [pytest.mark.real_model, pytest.mark.timeout(240)]
STARTED = 90.0
OTHER = "total\n        return "
"""What is typed so that nothing that was suggested before fits any more."""


@asynccontextmanager
async def window(home: Path, workspace: Path, cache: Path) -> AsyncIterator[Editor]:
    """One editor window of a user."""
    environment = isolated(home, PILOTFISH_CACHE_DIR=str(cache))
    client = await LspClient.start(language_server(), env=environment, cwd=workspace)
    editor = Editor(client, workspace)
    try:
        await editor.initialize()
        yield editor
    finally:
        await client.stop()


def backends(home: Path) -> list[psutil.Process]:
    """The backends that belong to that user's home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if " serve " in line and str(home) in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


async def test_two_windows_share_a_backend_and_survive_each_other(
    tmp_path: Path, default_model: LocalModel
) -> None:
    """Opened at once they start one; one killed, the other goes on; a killed backend comes back; a stopped one goes."""
    home, workspace = tmp_path / "home", tmp_path / "workspace"
    workspace.mkdir()
    async with AsyncExitStack() as stack:
        first, second = await asyncio.gather(
            *(
                stack.enter_async_context(window(home, workspace, default_model.path.parent.parent))
                for _ in range(2)
            )
        )
        await asyncio.gather(first.ready(STARTED), second.ready(STARTED))
        (backend,) = backends(home)

        assert first.client.process is not None
        os.kill(first.client.process.pid, signal.SIGKILL)
        document = second.open("shop.py", SUM.text)
        assert await second.ghost(document, SUM.offset, INVOKED)

        backend.kill()
        backend.wait(10)
        async with asyncio.timeout(STARTED):
            offset = SUM.offset
            while True:
                second.insert(document, offset, OTHER)
                offset += len(OTHER)
                if await second.ghost(document, offset, INVOKED):
                    break
                await asyncio.sleep(0.2)
        (again,) = backends(home)
        assert again.pid != backend.pid

        await second.command("pilotfish.backend.stop")
        assert backends(home) == []
    assert not [path for path in (home).rglob("*.json") if "pid" in path.read_text(errors="replace")]
