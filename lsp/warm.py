"""Fills the backend's KV cache with prompts that are about to be used, so that no key waits for a cold prefill.

A backend that announces the extension reads such a prompt in pieces between other requests, and a request for the same
text takes over what has been read; so a prompt goes out whole, one after the other.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from pilotfish.lsp.client import BackendError
from pilotfish.lsp.completer import Link

QUEUED = 2
REMEMBERED = 8
EXTENSION = "warm"


@dataclass(frozen=True, slots=True)
class _Target:
    link: Link
    prefix: str
    suffix: str | None


class Warmer:
    """One queue of prompts; the newest is warmed first, and what is too old is dropped."""

    def __init__(self) -> None:
        self._targets: deque[_Target] = deque(maxlen=QUEUED)
        self._done: deque[str] = deque(maxlen=REMEMBERED)
        self._task: asyncio.Task[None] | None = None

    def want(self, link: Link, prefix: str, suffix: str | None = None) -> None:
        """Have a prompt warmed soon, if the backend profits from it and it has not been already."""
        if not link.model.prefix_cache or EXTENSION not in link.model.extensions:
            return
        if not prefix or prefix in self._done:
            return
        self._done.append(prefix)
        self._targets.append(_Target(link, prefix, suffix))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    def forget(self) -> None:
        """Drop what is queued and what is known to be warm: the backend is another one now."""
        self._targets.clear()
        self._done.clear()

    async def stop(self) -> None:
        """End the work at once."""
        self._targets.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._targets:
            target = self._targets.pop()
            try:
                await target.link.backend.warm(target.prefix, target.suffix, target.link.model)
            except BackendError:
                continue  # the next real call finds out, and says so
