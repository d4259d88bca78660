"""The lock under which a local backend is started or ended, waited for without holding up the event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pilotfish.lsp.launcher_errors import LauncherError

POLL = 0.05


@asynccontextmanager
async def launch_lock(path: Path, *, patience: float, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock; ``waiting()`` is called once when somebody else has it.

    The operating system frees it when its holder dies, however that came.

    Raises:
        LauncherError: somebody else held it for ``patience`` seconds.

    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0, mode=0o600, thread_local=False)
    until = time.monotonic() + patience
    told = False
    while True:
        try:
            lock.acquire()
            break
        except Timeout:
            if time.monotonic() >= until:
                raise LauncherError(
                    "another window has been starting the local backend for too long"
                ) from None
        if not told:
            told = True
            waiting()
        await asyncio.sleep(POLL)
    try:
        yield
    finally:
        lock.release()
