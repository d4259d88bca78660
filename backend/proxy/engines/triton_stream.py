"""One request to a decoupled model, from its beginning to an end that Triton survives.

Triton 2.39 to 2.56 (containers 23.10 to 25.03) may crash when a streaming call is cancelled: the cancellation meets a
response that is being written (triton-inference-server/server, issues 7368 and 8034, pull request 8078). It takes some
hundred calls, and then everybody's requests are lost. So each stream is read to its end by a task of its own, whoever
leaves it before, and a model that has an input for it is asked to end it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Literal

import grpc.aio

Ending = Literal["request", "call", "never"]
"""How a request is ended early: by another ``request``, by cancelling the ``call``, or not at all."""

CANCEL_ID = "cancel_id"
"""The input, UINT64, with which a model ends the request that has this id, instead of answering a new one."""
_UNSAFE = ((2, 39), (2, 57))
"""Versions of Triton, from the first to before the second, in which no stream's call may be cancelled."""
_PATIENCE_SECONDS = 1.0
"""After which a model that goes on is told again: Triton may hand it the second request before the first."""
_TRIES = 5


def ending(*, can_cancel: bool, version: str) -> Ending:
    """How streams are ended at a server. ``can_cancel``: whether the model has the input ``CANCEL_ID``."""
    if can_cancel:
        return "request"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    return "never" if _UNSAFE[0] <= numbers < _UNSAFE[1] else "call"


class Stream:
    """A call under way. Made inside a running loop; whoever has made it must ``leave`` it.

    Each response repeats the whole sequence so far, so only the newest one is kept for who reads slowly.
    ``cancel`` sends the request that ends this one, for the ending ``request``.
    """

    def __init__(
        self, call: Any, request: Any, *, how: Ending, cancel: Callable[[], Awaitable[None]]
    ) -> None:
        self.heard = asyncio.get_running_loop().time()
        """When the last response came, by the loop's clock."""
        self._call = call
        self._how = how
        self._cancel = cancel
        self._newest: Any = None
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read(request))
        self._leaving: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing will come any more."""
        return self._reading.done()

    async def responses(self, seconds: float) -> AsyncGenerator[Any]:
        """What comes, as it comes. Raises TimeoutError when nothing has come for so long, and what gRPC raises."""
        while True:
            async with asyncio.timeout(seconds):
                await self._news.wait()
            if self._leaving is not None:
                raise asyncio.CancelledError
            self._news.clear()
            response, self._newest = self._newest, None
            if response is not None:
                yield response
            elif self._error is not None:
                raise self._error
            else:
                return
            if self.over:
                self._news.set()  # nobody else will

    def leave(self) -> "asyncio.Task[None]":
        """Want nothing more of it; the task is done when it has ended at the server too."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._end())
            self._news.set()
        return self._leaving

    def abort(self) -> None:
        """Cancel the call of a server that is broken anyway."""
        self._call.cancel()

    async def _end(self) -> None:
        if self._how == "call":
            self._call.cancel()
        for _ in range(_TRIES if self._how == "request" else 0):
            if self.over:
                break
            await self._cancel()
            await asyncio.wait([self._reading], timeout=_PATIENCE_SECONDS)
        await asyncio.wait([self._reading])

    async def _read(self, request: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            try:
                await self._call.write(request)
                await self._call.done_writing()
            except asyncio.InvalidStateError:
                pass  # it has ended already; reading says why
            failed = False
            while (response := await self._call.read()) is not grpc.aio.EOF:
                self.heard = loop.time()
                if failed or not (response.error_message or response.infer_response.outputs):
                    continue  # what follows an error says nothing, and the last one may be nothing but the last
                failed = bool(response.error_message)
                self._newest = response
                self._news.set()
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.CancelledError) as error:
            self._error = error
        finally:
            self._news.set()
