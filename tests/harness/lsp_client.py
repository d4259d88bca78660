"""A raw JSON-RPC client for a language server, over a child's stdio or over TCP.

It knows no LSP library on purpose: ids, params and order are the test's own, malformed ones included, and
every message is recorded with the monotonic time at which it was written or completely read.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from harness.processes import STOP_DEADLINE

Id = int | str
Handler = Callable[[Any], Any]
DEADLINE = 20.0
"""Seconds that a test waits for an answer: far above any target, because the machine may be busy."""


class RpcError(Exception):
    """Raised by a handler to answer a server's request with an error."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON-RPC message on the wire."""

    time: float
    direction: Literal["in", "out"]
    """`in`: from the server."""
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """One answer to a request."""

    received: float
    result: Any
    error: dict[str, Any] | None

    @property
    def code(self) -> int | None:
        """The error's code; None for a result."""
        return None if self.error is None else int(self.error["code"])

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items of a completion or inline completion result, whichever of its shapes was used."""
        if isinstance(self.result, dict):
            return list(self.result.get("items") or [])
        return list(self.result or [])


@dataclass(slots=True)
class Request:
    """A request that was sent, and every answer that came to it (there must be one)."""

    id: Id
    method: str
    sent: float
    responses: list[Response] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def open(self) -> bool:
        """Whether no answer has come yet."""
        return not self.responses

    async def response(self, deadline: float = DEADLINE) -> Response:
        """The (first) answer. AssertionError after `deadline` seconds."""
        try:
            await asyncio.wait_for(self.answered.wait(), deadline)
        except TimeoutError:
            message = f"{self.method} (id {self.id!r}) was not answered within {deadline} s"
            raise AssertionError(message) from None
        return self.responses[0]


class LspClient:
    """One connection to a server. `settings` answers workspace/configuration for the section `pilotfish`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        process: asyncio.subprocess.Process | None = None,
    ) -> None:
        self.messages: list[Message] = []
        self.requests: dict[Id, Request] = {}
        self.strays: list[dict[str, Any]] = []
        """Answers to requests that were never sent."""
        self.stderr = bytearray()
        self.settings: dict[str, Any] = {}
        self.message_answer: str | None = None
        """Title of the action that a showMessageRequest is answered with; None: dismissed."""
        self.handlers: dict[str, Handler] = {
            "workspace/configuration": self._configuration,
            "window/showMessageRequest": self._choose,
            "window/workDoneProgress/create": lambda _: None,
            "client/registerCapability": lambda _: None,
            "client/unregisterCapability": lambda _: None,
            "workspace/applyEdit": lambda _: {"applied": True},
            "workspace/inlayHint/refresh": lambda _: None,
        }
        self.process = process
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._arrived = asyncio.Event()
        self._tasks = [asyncio.create_task(self._receive())]
        if process is not None and process.stderr is not None:
            self._tasks.append(asyncio.create_task(self._drain(process.stderr)))

    @classmethod
    async def start(
        cls, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Self:
        """Start a server and talk to its stdio."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=cwd
        )
        assert process.stdout is not None
        assert process.stdin is not None
        return cls(process.stdout, process.stdin, process)

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1") -> Self:
        """Talk to a server that listens already."""
        return cls(*await asyncio.open_connection(host, port))

    def send(self, body: dict[str, Any]) -> float:
        """Write one message as it is; the time at which it was written."""
        data = json.dumps(body).encode()
        sent = time.monotonic()
        self._writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
        self.messages.append(Message(sent, "out", body))
        return sent

    def request(self, method: str, params: object = None, *, number: Id | None = None) -> Request:
        """Send a request (params None: without params)."""
        if number is None:
            self._number += 1
            number = self._number
        request = Request(number, method, time.monotonic())
        self.requests[number] = request
        body = {"jsonrpc": "2.0", "id": number, "method": method}
        request.sent = self.send(body if params is None else {**body, "params": params})
        return request

    def notify(self, method: str, params: object = None) -> float:
        """Send a notification; the time at which it was written."""
        body = {"jsonrpc": "2.0", "method": method}
        return self.send(body if params is None else {**body, "params": params})

    def cancel(self, request: Request) -> float:
        """Send `$/cancelRequest`."""
        return self.notify("$/cancelRequest", {"id": request.id})

    def received(self, method: str) -> list[Any]:
        """Params of all notifications and requests of that method from the server so far."""
        return [
            m.body.get("params")
            for m in self.messages
            if m.direction == "in" and m.body.get("method") == method
        ]

    async def wait_for(self, condition: Callable[[], bool], *, what: str, deadline: float = DEADLINE) -> None:
        """Wait until `condition` holds; it is looked at after every message from the server.

        AssertionError after `deadline` seconds.
        """
        end = time.monotonic() + deadline
        while not condition():
            left = end - time.monotonic()
            assert left > 0, f"waited {deadline} s for {what}"
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), min(left, 0.25))

    async def flush(self) -> None:
        """Wait until what was written has left this process."""
        await self._writer.drain()

    async def stop(self) -> int | None:
        """Shut down in order and let the process end, killing it after STOP_DEADLINE; its exit status."""
        if self.process is None or self.process.returncode is None:
            with suppress(AssertionError, ConnectionError):
                await self.request("shutdown").response(STOP_DEADLINE)
            with suppress(ConnectionError):
                self.notify("exit")
        return await self.close()

    async def close(self) -> int | None:
        """Close the connection without a word and let the process end; its exit status."""
        with suppress(ConnectionError):
            self._writer.close()
        status = None if self.process is None else await self.wait_exit(STOP_DEADLINE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return status

    async def wait_exit(self, deadline: float = DEADLINE) -> int:
        """Wait for the process; its status. A process that stays is killed and has status -9."""
        assert self.process is not None
        try:
            return await asyncio.wait_for(self.process.wait(), deadline)
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()

    async def _receive(self) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._reader.readuntil(b"\r\n\r\n")
                fields = dict(line.split(b": ", 1) for line in head.lower().splitlines() if line)
                body = json.loads(await self._reader.readexactly(int(fields[b"content-length"])))
                self.messages.append(Message(time.monotonic(), "in", body))
                self._dispatch(body, self.messages[-1].time)
                self._arrived.set()

    def _dispatch(self, body: dict[str, Any], received: float) -> None:
        if "method" not in body:
            self._answered(body, received)
        elif "id" in body:
            self.send({"jsonrpc": "2.0", "id": body["id"], **self._serve(body)})

    def _answered(self, body: dict[str, Any], received: float) -> None:
        request = self.requests.get(body.get("id", ""))
        if request is None:
            self.strays.append(body)
            return
        request.responses.append(Response(received, body.get("result"), body.get("error")))
        request.answered.set()

    def _serve(self, body: dict[str, Any]) -> dict[str, Any]:
        handler = self.handlers.get(body["method"])
        try:
            if handler is None:
                raise RpcError(-32601, body["method"])
            return {"result": handler(body.get("params"))}
        except RpcError as error:
            return {"error": {"code": error.code, "message": error.message}}

    def _configuration(self, params: dict[str, Any]) -> list[Any]:
        return [self.settings if item.get("section") == "pilotfish" else None for item in params["items"]]

    def _choose(self, params: dict[str, Any]) -> object:
        titles = {action["title"]: action for action in params.get("actions") or []}
        return titles.get(self.message_answer or "")

    async def _drain(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(65536):
            self.stderr += data[: max(0, 1_000_000 - len(self.stderr))]
