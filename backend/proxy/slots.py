"""Turns at the engine: as many at once as it has slots, and fair between clients."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .errors import Unavailable


class FairSlots:
    """Hands free slots round robin to the clients that wait; within a client, first come, first served."""

    def __init__(self, count: int, *, patience: float) -> None:
        self._free = count
        self._patience = patience
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._closed = False
        self.count = count
        self.running = 0

    @property
    def waiting(self) -> int:
        """Turns that somebody waits for."""
        return sum(len(queue) for queue in self._queues.values())

    def resize(self, count: int) -> None:
        """Tell how many slots the engine has, once it is known."""
        self._free += count - self.count
        self.count = count
        while self._free > 0 and self._queues:
            self._give_turn()

    def close(self) -> None:
        """Send all who wait away, and all who come."""
        self._closed = True
        for queue in self._queues.values():
            for turn in queue:
                if not turn.done():
                    turn.set_exception(stopping())

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Hold a slot. Raises ``Unavailable`` after ``patience`` seconds, or when the server stops."""
        await self._take(client)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._free += 1
            self._give_turn()

    async def _take(self, client: str) -> None:
        if self._closed:
            raise stopping()
        if self._free > 0:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(client, deque()).append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._free += 1  # the turn came in the very moment in which we gave up: pass it on
            self._forget(client, turn)
            self._give_turn()
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    f"No slot became free within {self._patience:g} seconds.",
                    retry_after=1,
                    code="overloaded",
                ) from None
            raise

    def _give_turn(self) -> None:
        """Wake the first of the client whose turn it is; the client then goes to the end of the row."""
        while self._free > 0 and self._queues:
            client, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._queues[client] = queue
            if not turn.done():
                self._free -= 1
                turn.set_result(None)
                return

    def _forget(self, client: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(client)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[client]


def stopping() -> Unavailable:
    """What everybody is told while the server stops."""
    return Unavailable("The server is stopping.", retry_after=2, code="stopping")
