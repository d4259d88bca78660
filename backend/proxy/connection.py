"""The client's end of a request: its body, and whether it is still there."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .errors import BadRequest, BodyTimeout, BodyTooLarge, ClientGone
from .settings import Limits

T = TypeVar("T")


async def read_json_body(request: Request, limits: Limits) -> bytes:
    """The body, if it says that it is JSON, is not too long and comes in time.

    A web page can make a browser send forms and plain text anywhere without asking; JSON it can't.

    Raises ``BadRequest``, ``BodyTooLarge``, ``BodyTimeout`` or ``ClientGone``.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise BadRequest(
            "The body must be JSON: send 'Content-Type: application/json'.", code="invalid_content_type"
        )
    too_large = BodyTooLarge(f"The body is longer than {limits.body_bytes} bytes.", code="body_too_large")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone("The client left while it sent its request.")
                body += message.get("body", b"")
                if len(body) > limits.body_bytes:
                    raise too_large
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise BodyTimeout(
            f"The body did not arrive within {limits.body_seconds:g} seconds.", code="body_timeout"
        ) from None


async def attended(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The work's result, as long as the client waits for it; raises ``ClientGone`` when it left."""
    task = asyncio.ensure_future(work)
    left = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((task, left), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone("The client left before the answer.")
    finally:
        for one in (task, left):
            one.cancel()
        await asyncio.gather(task, left, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-sent events; whatever ``cleanup`` holds ends with the stream, however that ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], cleanup: AsyncExitStack, *, seconds: float) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._cleanup = cleanup
        self._seconds = seconds

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002 (ASGI's signature)
        receive: Receive,
        send: Send,
    ) -> None:
        """Send until the events end, the client leaves, or one that does not read has used up its time."""
        async with self._cleanup:
            # An answer that is left unfinished makes the server close the connection, so the client can tell.
            with suppress(ClientGone, TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await attended(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._events):
            async for event in self._events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
