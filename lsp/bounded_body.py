"""A response's body with a limit. Imports httpx, so import it only where httpx is needed anyway."""

from collections.abc import AsyncIterator
from typing import cast

import httpx

from pilotfish.lsp.backend_errors import ProtocolError

MAX_ANSWER = 8 << 20
"""Bytes of one answer; far more than any completion has."""


class BoundedBody(httpx.AsyncByteStream):
    """Breaks off a body that grows without end, be it one line or many."""

    def __init__(self, inner: object, *, limit: int = MAX_ANSWER) -> None:
        self._inner = cast("httpx.AsyncByteStream", inner)
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body's parts.

        Raises:
            ProtocolError: there are too many.

        """
        size = 0
        async for part in self._inner:
            size += len(part)
            if size > self._limit:
                raise ProtocolError(f"the backend's answer is longer than {self._limit} bytes")
            yield part

    async def aclose(self) -> None:
        """Close the connection, or hand it back to the pool when the body was read to its end."""
        await self._inner.aclose()
