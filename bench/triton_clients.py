"""Clients of the Triton benchmarks: gRPC straight to Triton, and HTTP to the proxy in front of it.

Both ask for the same: a prompt of token ids, so many tokens of TEXT, streamed or at once. They note when each token
came, on the machine's monotonic clock, which is the scripted model's clock too.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from harness.triton_models import MODEL_NAME

TOKEN, TEXT = 3601, " print"
"""What the model answers again and again."""


@dataclass(slots=True)
class Answer:
    """One answer as its client saw it; times in seconds."""

    key: int
    started: float
    received: list[float] = field(default_factory=list)
    """When each token had come."""
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        """From the request to the end of the answer."""
        return self.ended - self.started


class Target(Protocol):
    """Something that serves completions. ``key`` is a prompt by which the model's record names the request."""

    name: str

    async def whole(self, key: int, tokens: int) -> Answer:
        """Ask without streaming."""
        ...

    async def stream(self, key: int, tokens: int) -> Answer:
        """Ask for a stream and read it to its end."""
        ...


class Direct:
    """Triton's own gRPC, one channel for all; use it in ``async with``."""

    name = "direct gRPC"

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Self:
        import grpc
        from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

        self._channel = grpc.aio.insecure_channel(self._url)
        self._stub = GRPCInferenceServiceStub(self._channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def whole(self, key: int, tokens: int) -> Answer:
        """One unary call."""
        answer = Answer(key, time.monotonic())
        response = await self._stub.ModelInfer(request(key, tokens))
        answer.received = [time.monotonic()] * (_length(response) - 1)
        answer.ended = time.monotonic()
        assert len(answer.received) == tokens
        return answer

    async def stream(self, key: int, tokens: int) -> Answer:
        """One bidirectional stream with one request."""
        answer = Answer(key, time.monotonic())
        call = self._stub.ModelStreamInfer()
        await call.write(request(key, tokens))
        await call.done_writing()
        async for response in call:
            assert not response.error_message, response.error_message
            length = _length(response.infer_response) - 1
            answer.received += [time.monotonic()] * (length - len(answer.received))
        answer.ended = time.monotonic()
        assert len(answer.received) == tokens
        return answer


def request(key: int, tokens: int) -> Any:
    """A ModelInferRequest with a prompt of one token."""
    from tritonclient.grpc import service_pb2 as pb

    made = pb.ModelInferRequest(model_name=MODEL_NAME)
    values = {"input_ids": key, "input_lengths": 1, "request_output_len": tokens, "end_id": 50256}
    for name, value in values.items():
        made.inputs.add(name=name, datatype="UINT32", shape=[1, 1])
        made.raw_input_contents.append(value.to_bytes(4, "little"))
    return made


def _length(response: Any) -> int:
    """The sequence's length: the prompt's one token and the answer's."""
    (place,) = (index for index, output in enumerate(response.outputs) if output.name == "sequence_length")
    return int.from_bytes(response.raw_output_contents[place], "little")


class Proxied:
    """The proxy over HTTP/1.1: connections are kept and used again."""

    name = "proxy"

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def whole(self, key: int, tokens: int) -> Answer:
        """A JSON answer."""
        connection = self._idle.pop() if self._idle else await Connection.open(self._port)
        answer = Answer(key, time.monotonic())
        await connection.ask(fields(key, tokens))
        body = json.loads(b"".join([part async for part in connection.parts()]))
        answer.ended = time.monotonic()
        assert body["choices"][0]["text"] == TEXT * tokens
        answer.received = [answer.ended] * tokens
        self._idle.append(connection)
        return answer

    async def stream(self, key: int, tokens: int) -> Answer:
        """Server-sent events."""
        connection = self._idle.pop() if self._idle else await Connection.open(self._port)
        answer = Answer(key, time.monotonic())
        await connection.ask(fields(key, tokens, stream=True))
        length = 0
        async for event in connection.events():
            length += len(event["choices"][0]["text"])
            answer.received += [time.monotonic()] * (length // len(TEXT) - len(answer.received))
        answer.ended = time.monotonic()
        assert len(answer.received) == tokens
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()


def fields(key: int, tokens: int, *, stream: bool = False) -> dict[str, Any]:
    """A request's body."""
    return {"prompt": [key], "max_tokens": tokens, "temperature": 0, "stream": stream}


class Connection:
    """An HTTP connection, read with as little work as can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, body: dict[str, Any]) -> None:
        """Send a completion request and read the answer's head. Raises AssertionError unless it is a 200."""
        data = json.dumps(body).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
        self._writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + data)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        self._length: int | None = None
        for line in answer.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                self._length = int(line.partition(b":")[2])
        if not answer.startswith(b"http/1.1 200 "):
            rest = await self._reader.readexactly(self._length or 0)
            raise AssertionError(answer.decode() + rest.decode())

    async def parts(self) -> Any:
        """The body's chunks as they come; or all of it, where its length is known."""
        if self._length is not None:
            yield await self._reader.readexactly(self._length)
            return
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")

    async def events(self) -> Any:
        """A stream's events as they come, without the [DONE] that must be the last one."""
        kept, data = b"", b""
        async for part in self.parts():
            *whole, kept = (kept + part).split(b"\n\n")
            for event in whole:
                data = event.removeprefix(b"data: ")
                if data != b"[DONE]":
                    yield json.loads(data)
        assert data == b"[DONE]"

    def close(self) -> None:
        """Hang up, whatever is under way."""
        self._writer.close()


async def together(target: Target, keys: Sequence[int], tokens: int) -> tuple[list[Answer], float]:
    """Stream to several clients at once; their answers, and the seconds until the last one ended."""
    started = time.monotonic()
    answers = await asyncio.gather(*(target.stream(key, tokens) for key in keys))
    return answers, time.monotonic() - started
