"""Programs that we run and wait for: none outlives the block that started it, nor do its children."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

END_TIMEOUT = 3.0
"""Seconds that a program has to end by itself before it is made to."""


@dataclass(frozen=True, slots=True)
class Running:
    """A program at work."""

    process: Process
    output: asyncio.StreamReader
    """What it prints."""

    async def wait(self) -> int:
        """Wait until it has ended; return its exit status."""
        return await self.process.wait()


@asynccontextmanager
async def running(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, errors: bool
) -> AsyncIterator[Running]:
    """Run a program without a shell and without input; it ends with the block at the latest.

    ``env`` None hands our own environment on. ``errors`` tells whether standard error counts as output or is dropped.
    Raises ``OSError`` when the program can't be run.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT if errors else DEVNULL,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield Running(process, process.stdout)
    finally:
        await _end(process, process.stdout)


async def _end(process: Process, output: asyncio.StreamReader) -> None:
    """Ask a program and its children to end, and after a while make them."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        # Its children may live on when it has ended itself: the group is asked in any case.
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            elif process.returncode is None:
                process.send_signal(number)
        # Not asyncio.timeout: until Python 3.11.3 a task that was cancelled gets that error instead of TimeoutError.
        with suppress(TimeoutError):
            await asyncio.wait_for(_gone(process, output), END_TIMEOUT)
            return


async def _gone(process: Process, output: asyncio.StreamReader) -> None:
    """Wait for a program's end; asyncio closes the pipe, and sees the end, only once all output was read."""
    while await output.read(65536):
        pass
    await process.wait()
