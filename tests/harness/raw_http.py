"""An HTTP server in the test's own loop whose answers, broken ones too, the test writes byte by byte."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

SSE = "text/event-stream"
JSON = "application/json"


@dataclass
class Request:
    """What a client asked for."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    connection: int
    """Counts the connections: equal numbers came over the same one."""


@dataclass
class Exchange:
    """One request and the means to answer it."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write some bytes now."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, kind: str, status: int = 200, **headers: str) -> None:
        """Begin an answer of unknown length; send its parts by `part`, end it by `end`."""
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", "Transfer-Encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def part(self, data: bytes) -> None:
        """Send one part of a body."""
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def event(self, text: str, finish: str | None = None) -> None:
        """Send one event of a completion."""
        choice = {"text": text, "index": 0, "finish_reason": finish}
        await self.part(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")

    async def end(self) -> None:
        """End the body properly."""
        await self.send(b"0\r\n\r\n")

    async def answer(self, body: object, status: int = 200, **headers: str) -> None:
        """Send a whole JSON answer."""
        await self.head(JSON, status, **headers)
        await self.part(body if isinstance(body, bytes) else json.dumps(body).encode())
        await self.end()

    async def hung_up(self) -> float:
        """Wait until the client closes the connection; return the loop's time of it."""
        await self.reader.read()
        return asyncio.get_running_loop().time()


Handler = Callable[[Exchange], Awaitable[None]]


@dataclass
class RawServer:
    """Calls `handlers[path]` for each request; unless one is set, /v1/models lists two models."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    _connections: int = 0
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def complete(self, handler: Handler) -> None:
        """Set what answers completions."""
        self.handlers["/v1/completions"] = handler

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        number = self._connections
        try:
            while (request := await _read(reader, number)) is not None:
                self.requests.append(request)
                await self.handlers.get(request.path, _default)(Exchange(request, reader, writer))
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def stop(self) -> None:
        """End every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def raw_server(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Run a server on a free loopback port."""
    server = RawServer()
    listener = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}"
    try:
        yield server
    finally:
        listener.close()
        await server.stop()


async def _read(reader: asyncio.StreamReader, connection: int) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, json.loads(body) if body else None, connection)


async def _default(exchange: Exchange) -> None:
    if exchange.request.path == "/v1/models":
        await exchange.answer({"object": "list", "data": [{"id": "small"}, {"id": "large"}]})
    else:
        await exchange.answer({"detail": "Not Found"}, 404)
