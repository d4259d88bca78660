"""Fills the backend's KV cache with prompts that are about to be used, while nothing else runs.

A prompt goes out in small pieces, each the one before with some lines more, so that a key pressed meanwhile waits for
one piece at most, and finds what is already evaluated in the cache.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from pilotfish.lsp.client import BackendError
from pilotfish.lsp.completer import Link

PIECE = 96
"""Characters a piece adds: about 30 tokens, well under 100 ms of prefill on two CPU cores."""
REMEMBERED = 8
WARM_EXTENSION = "warm"


@dataclass(frozen=True, slots=True)
class _Target:
    link: Link
    prefix: str
    suffix: str | None


class Warmer:
    """One queue of prompts; the newest is warmed first."""

    def __init__(self, idle: asyncio.Event) -> None:
        self._idle = idle
        self._targets: deque[_Target] = deque(maxlen=2)
        self._done: deque[str] = deque(maxlen=REMEMBERED)
        self._task: asyncio.Task[None] | None = None

    def want(self, link: Link, prefix: str, suffix: str | None = None) -> None:
        """Have a prompt warmed soon, if the backend profits from it and it has not been already."""
        if not link.model.prefix_cache or WARM_EXTENSION not in link.model.extensions:
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
            for piece in pieces(target.prefix) if target.suffix is None else [target.prefix]:
                await self._idle.wait()
                try:
                    await target.link.backend.warm(piece, target.suffix, target.link.model)
                except BackendError:
                    break  # the next real call finds out and says so


def pieces(prefix: str) -> list[str]:
    """Growing beginnings of a prompt, cut at line ends, the last one the whole."""
    ends: list[int] = []
    for end, character in enumerate(prefix, start=1):
        if character == "\n" and end - (ends[-1] if ends else 0) >= PIECE:
            ends.append(end)
    if not ends or ends[-1] != len(prefix):
        ends.append(len(prefix))
    return [prefix[:end] for end in ends]
