"""When status bars say that the model is at work: not with every key, but when somebody has to wait for it."""

import asyncio
from collections.abc import Callable

MOMENT = 0.7
"""Seconds that one call takes before it is called work."""
LINGER = 1.0
"""Seconds after the last call for which it still is: while one types, slow calls follow each other."""


class Activity:
    """Watches calls come and go; ``tell`` gets ``working`` or ``ready`` when that changes."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._slow: dict[object, asyncio.TimerHandle] = {}
        self._rest: asyncio.TimerHandle | None = None
        self._busy = False

    def began(self, call: object) -> None:
        """Take note of a call on its way."""
        self._slow[call] = asyncio.get_running_loop().call_later(MOMENT, self._show)
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def ended(self, call: object) -> None:
        """Take note of its end, however it came."""
        handle = self._slow.pop(call, None)
        if handle is not None:
            handle.cancel()
        if not self._slow and self._busy and self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(LINGER, self._hide)

    def _show(self) -> None:
        if not self._busy:
            self._busy = True
            self._tell("working")

    def _hide(self) -> None:
        self._rest, self._busy = None, False
        self._tell("ready")
