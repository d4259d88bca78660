"""Asks an OpenAI-compatible backend for completions: what the rest of the language server knows of it.

httpx is imported with the first request, since it takes a third of the time in which an editor should have an
answer to ``initialize``; ``preload`` does it in advance.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from pilotfish.lsp.backend_errors import (
    BackendError,
    BackendTimeout,
    BackendUnreachable,
    BadRequest,
    BadSetting,
    ModelNotFound,
    Overloaded,
    ProtocolError,
    Unauthorized,
)
from pilotfish.lsp.capabilities import BackendModel, choose_model, model_not_found, parse_models
from pilotfish.lsp.chunks import BrokenText, Chunk, Reader, Usage, parse_event
from pilotfish.lsp.completion_request import CompletionRequest, request_body
from pilotfish.lsp.fim_templates import FimTemplate
from pilotfish.lsp.http_errors import mapped, status_error, stream_error
from pilotfish.lsp.http_pool import Endpoint, create_client

if TYPE_CHECKING:
    import httpx

__all__ = [
    "Backend",
    "BackendError",
    "BackendModel",
    "BackendTimeout",
    "BackendUnreachable",
    "BadRequest",
    "BadSetting",
    "Chunk",
    "CompletionRequest",
    "Endpoint",
    "HttpBackend",
    "ModelNotFound",
    "Overloaded",
    "ProtocolError",
    "Unauthorized",
    "Usage",
    "choose_model",
    "preload",
]

log = logging.getLogger(__name__)

HEALTH_TIMEOUT = 2.0
"""Seconds in which a probe must be answered."""
SHOWN_VERSION = 20
"""Characters of a version."""
LINGER = 0.2
"""Seconds that a server has to end its stream once it said that it is done."""
DONE = "[DONE]"


class Backend(Protocol):
    """A server that completes text. Every method raises ``BackendError`` and nothing else."""

    async def models(self) -> list[BackendModel]:
        """List the models."""
        ...

    async def health(self) -> bool:
        """Tell, cheaply and within two seconds, whether it is worth asking. Never raises."""
        ...

    def stream(self, request: CompletionRequest, model: BackendModel) -> AsyncGenerator[Chunk, None]:
        """Yield the completion as it comes.

        Closing the generator (``contextlib.aclosing``) or cancelling the task closes the request at once.
        """
        ...

    async def warm(self, prompt: str, suffix: str | None, model: BackendModel) -> None:
        """Have a prompt evaluated into the prefix cache, where the model announces that it can."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class HttpBackend:
    """A backend over HTTP, with one pool of kept-alive connections."""

    def __init__(self, endpoint: Endpoint, *, template: FimTemplate | None = None) -> None:
        self.endpoint = endpoint
        self._template = template
        self._pool: httpx.AsyncClient | None = None

    async def models(self) -> list[BackendModel]:
        """Return what ``/v1/models`` lists, in its order."""
        async with self._answer("GET", "/v1/models") as response:
            with mapped(self.endpoint):
                return parse_models(parse_event(await response.aread()))

    async def health(self) -> bool:
        """Ask ``/health``, or where there is none ``/v1/models``."""
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT):
                for path in ("/health", "/v1/models"):
                    response = await self._send("GET", path)
                    await response.aclose()
                    if response.status_code not in {404, 405, 501}:
                        # A refused key is for the next completion to report: the server is there.
                        return response.is_success or response.status_code in {401, 403}
        except (BackendError, TimeoutError):
            pass
        return False

    async def version(self) -> str:
        """The version of Pilotfish that ``/health`` announces; empty where there is none. Never raises."""
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT):
                response = await self._send("GET", "/health")
                try:
                    with mapped(self.endpoint):
                        answer = parse_event(await response.aread())
                finally:
                    await response.aclose()
        except (BackendError, TimeoutError):
            return ""
        return str(answer.get("version") or "")[:SHOWN_VERSION]

    async def stream(self, request: CompletionRequest, model: BackendModel) -> AsyncGenerator[Chunk, None]:
        """Yield the completion's chunks as they come.

        A stream that breaks off, or goes on in a way that can't be understood, ends there without a finish
        reason; when nothing at all came before that, it raises.
        """
        body = request_body(request, model, self._template, stream=True)
        sent = f"{request.prompt}\n{request.middle}\n{request.suffix or ''}"
        started = False
        async with self._answer("POST", "/v1/completions", body, model=model, sent=sent) as response:
            try:
                async with aclosing(self._chunks(response, sent)) as chunks:
                    async for chunk in chunks:
                        started = True
                        yield chunk
            except BrokenText as broken:
                log.warning("dropped the rest of an answer: it holds a character that could not be decoded")
                yield broken.sound
            except (ProtocolError, BackendUnreachable) as error:
                if not started:
                    raise
                log.warning("dropped the rest of an answer: %s", error)
            else:
                if not started:
                    raise ProtocolError(
                        f"the backend at {self.endpoint.root} sent an answer without a completion"
                    )

    async def warm(self, prompt: str, suffix: str | None, model: BackendModel) -> None:
        """Have a prompt evaluated and nothing generated, if the model announces that it can."""
        if "warm" not in model.extensions:
            return
        request = CompletionRequest(prompt, suffix, max_tokens=0)
        body = request_body(request, model, self._template, stream=False)
        async with self._answer("POST", "/v1/completions", body, model=model, sent=prompt) as response:
            with mapped(self.endpoint):
                await response.aread()

    async def aclose(self) -> None:
        """Close all connections; another request would open new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> "httpx.Response":
        """Send a request and return as soon as the answer's head is there."""
        import httpx

        from pilotfish.lsp.bounded_body import BoundedBody

        if self._pool is None:
            with mapped(self.endpoint):
                self._pool = create_client(self.endpoint)
        pool = self._pool
        # A document may hold half a surrogate pair, which no encoding takes.
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode(errors="replace")
        headers = {} if body is None else {"Content-Type": "application/json"}
        with mapped(self.endpoint):
            request = pool.build_request(method, path, content=content, headers=headers)
            try:
                response = await pool.send(request, stream=True)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                # The server may have closed a kept connection just when we took it.
                response = await pool.send(request, stream=True)
        response.stream = BoundedBody(response.stream)
        return response

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        model: BackendModel | None = None,
        sent: str = "",
    ) -> AsyncGenerator["httpx.Response", None]:
        """Give a good response, its body not yet read, and close it afterwards."""
        response = await self._send(method, path, body)
        try:
            if response.status_code != 200:
                raise await self._refusal(response, model, sent)
            yield response
        finally:
            await response.aclose()

    async def _refusal(
        self, response: "httpx.Response", model: BackendModel | None, sent: str
    ) -> BackendError:
        """Build the error for an answer that is not 200."""
        with mapped(self.endpoint):
            body = await response.aread()
        status = response.status_code
        if status != 404:
            return status_error(self.endpoint, status, response.headers, body, sent=sent, now=time.time())
        if model is not None:
            names = [known.id for known in await self.models()]
            if model.id not in names:
                return model_not_found(model.id, names)
        return ProtocolError(
            f"there is no {response.url.path} at {self.endpoint.root}: is backend.url right, and does the "
            "server speak the OpenAI completions API?"
        )

    async def _chunks(self, response: "httpx.Response", sent: str) -> AsyncGenerator[Chunk, None]:
        """Yield the chunks of an answer: a stream, or from a server that can't, one JSON object."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        reader = Reader()
        with mapped(self.endpoint):
            if kind == "application/json":
                for chunk in reader.read(parse_event(await response.aread())):
                    yield chunk
            elif kind == "text/event-stream":
                async with aclosing(_events(response)) as events:
                    async for data in events:
                        event = parse_event(data)
                        if "choices" not in event and "error" in event:
                            raise stream_error(self.endpoint, event, sent=sent)
                        for chunk in reader.read(event):
                            yield chunk
            else:
                raise ProtocolError(
                    f"{self.endpoint.root} answers with {kind or 'an unknown type'} instead of a completion: "
                    "is backend.url right?"
                )


async def _events(response: "httpx.Response") -> AsyncGenerator[str, None]:
    """Yield the data of a stream's events up to the one that says that it is done."""
    from httpx_sse import EventSource

    response.encoding = "utf-8"  # as the standard has it, whatever the header says
    async with aclosing(EventSource(response).aiter_sse()) as events:
        async for event in events:
            if event.data.strip() == DONE:
                break
            if event.data:
                yield event.data
        # Only a connection that is read to its end can be used again; that end is due now.
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                async for _ in events:
                    pass


def preload() -> None:
    """Import what the first request needs; a matter of some 100 ms, safe in a thread."""
    import sys
    from types import ModuleType

    if "httpx" not in sys.modules:
        # httpx imports its command line, and that rich and click where they are installed: 30 ms and 4 MB for nothing.
        stand_in = ModuleType("httpx._main")
        stand_in.main = preload  # type: ignore[attr-defined]  # any function: it is never called
        sys.modules["httpx._main"] = stand_in
    import httpx  # noqa: F401
    import httpx_sse  # noqa: F401
