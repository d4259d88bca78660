"""A completion that runs in a task of its own while its events are read elsewhere."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from .completion import Delta, Emit, Spent
from .errors import GatewayTimeout

_AHEAD = 64  # events that may wait for a slow reader before the engine waits too


class Running:
    """Read it with ``events``; errors of the run are raised there."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[Delta | Spent | Exception] = asyncio.Queue(_AHEAD)
        self._first: list[Delta | Spent] = []

    async def begun(self) -> None:
        """Wait for the first event; an error that comes instead is raised."""
        self._first.append(await self._next())

    async def events(self) -> AsyncGenerator[Delta | Spent]:
        """The deltas as they come, then one ``Spent``."""
        while True:
            event = self._first.pop() if self._first else await self._next()
            yield event
            if isinstance(event, Spent):
                return

    async def _next(self) -> Delta | Spent:
        event = await self._events.get()
        if isinstance(event, Exception):
            raise event
        return event

    async def run(self, work: Callable[[Emit], Awaitable[Spent]], seconds: float) -> None:
        """Do the work within its time and pass on what it says."""
        try:
            async with asyncio.timeout(seconds) as deadline:
                spent = await work(self._events.put)
            await self._events.put(spent)
        except TimeoutError as error:
            late = GatewayTimeout(f"The completion took longer than {seconds:g} seconds.", code="timeout")
            await self._events.put(late if deadline.expired() else error)
        except Exception as error:  # noqa: BLE001 (raised again where the events are read)
            await self._events.put(error)


@asynccontextmanager
async def running(work: Callable[[Emit], Awaitable[Spent]], *, seconds: float) -> AsyncIterator[Running]:
    """Start the work; when left, it has ended: by itself, or cancelled down to the engine."""
    run = Running()
    task = asyncio.create_task(run.run(work, seconds))
    try:
        yield run
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
