"""Programs that we run and wait for."""

import asyncio
from pathlib import Path

import psutil
import pytest

from pilotfish.lsp import short_run

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


async def test_a_stubborn_program_does_not_outlive_a_cancelled_block(tmp_path: Path) -> None:
    """A program that ignores SIGTERM is killed, also when the task that runs it was cancelled."""
    pids: list[int] = []
    ready = asyncio.Event()

    async def run() -> None:
        async with short_run.running(["/bin/sh", "-c", STUBBORN], cwd=tmp_path, errors=False) as program:
            pids.append(program.process.pid)
            await program.output.readline()
            ready.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(run())
    await asyncio.wait_for(ready.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not psutil.pid_exists(pids[0])
