"""Completions of the HTTP client, and streams that answer them byte by byte."""

from contextlib import aclosing

from harness.raw_http import SSE, Exchange, Handler
from pilotfish.lsp.client import (
    BackendModel,
    Chunk,
    CompletionRequest,
    HttpBackend,
)

PROMPT = "def secret_function(argument):\n    return "
SMALL = BackendModel("small")


async def completion(backend: HttpBackend, model: BackendModel = SMALL, **fields: object) -> list[Chunk]:
    """Read one completion to its end."""
    request = CompletionRequest(PROMPT, **fields)  # type: ignore[arg-type]
    async with aclosing(backend.stream(request, model)) as chunks:
        return [chunk async for chunk in chunks]


def events(*parts: bytes, finish: bool = True) -> Handler:
    """Answer with these parts of a stream, and end it or break it off."""

    async def handler(exchange: Exchange) -> None:
        await exchange.head(SSE)
        for part in parts:
            await exchange.part(part)
        if finish:
            await exchange.end()
        else:
            exchange.writer.close()

    return handler


def event(text: str) -> bytes:
    """One event of a completion."""
    return b'data: {"choices":[{"text":"%s","index":0}]}\n\n' % text.encode()


LAST = b'data: {"choices":[{"text":"","index":0,"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
