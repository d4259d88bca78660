"""Whatever llama.cpp's server does wrong becomes one of our errors, and nothing hangs."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from pilotfish.backend.proxy.engines.base import (
    EngineError,
    EngineRefusal,
    EngineTimeout,
    EngineUnavailable,
    Sampling,
)
from pilotfish.backend.proxy.engines.llama_wire import LlamaWire, sampling_fields

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer, *, seconds: float = 5.0) -> AsyncIterator[LlamaWire]:
    """A wire to a server that reads one request and answers as told."""
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await one_request(reader, writer)
        finally:
            writer.close()

    async def one_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
        )
        await reader.readexactly(int(length.partition(b":")[2]))
        await answer(writer)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    wire = LlamaWire(f"http://127.0.0.1:{port}", "key", answer_seconds=seconds)
    try:
        yield wire
    finally:
        await wire.close()
        listener.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await listener.wait_closed()


def says(status: int, body: object, *, kind: str = "application/json") -> Answer:
    """One complete answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        await writer.drain()

    return answer


def streams(*lines: str, whole: bool = True) -> Answer:
    """An event stream; not whole: the connection is cut after the last line."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for line in lines:
            data = f"{line}\n\n".encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        if whole:
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    return answer


async def hangs(writer: asyncio.StreamWriter) -> None:
    """No answer at all, until the client has gone."""
    while not writer.is_closing():
        await asyncio.sleep(0.01)


ERROR = {"error": {"code": 400, "message": "no", "type": "invalid_request_error"}}
TOO_LONG = {"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error"}}
LOADING = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
ANSWERS: list[tuple[Answer, type[EngineError]]] = [
    (says(400, ERROR), EngineError),
    (says(400, TOO_LONG), EngineRefusal),
    (says(503, LOADING), EngineUnavailable),
    (says(500, b"<html>oops</html>", kind="text/html"), EngineError),
    (says(200, b"not json"), EngineError),
    (says(200, {"something": "else"}), EngineError),
    (says(200, [1, 2]), EngineError),
    (streams(whole=False), EngineUnavailable),
]
STREAMS: list[tuple[Answer, type[EngineError]]] = [
    (says(400, TOO_LONG), EngineRefusal),
    (says(503, LOADING), EngineUnavailable),
    (streams("data: {"), EngineError),
    (streams("data: {}"), EngineError),
    (streams(f"data: {json.dumps(ERROR)}"), EngineError),
    (streams(f"error: {json.dumps(ERROR)}"), EngineError),
    (streams('data: {"content": "x", "tokens": [1], "tokens_predicted": 1}', whole=False), EngineUnavailable),
]


async def ask(wire: LlamaWire) -> None:
    await wire.complete(0, [1], 1, sampling={})


async def listen(wire: LlamaWire) -> None:
    async for _ in wire.stream(0, [1], 1, sampling={}):
        pass


@pytest.mark.parametrize(("answer", "error"), ANSWERS)
async def test_wrong_answers(answer: Answer, error: type[EngineError]) -> None:
    """Each becomes exactly the error that says what it is."""
    async with server(answer) as wire:
        with pytest.raises(error) as raised:
            await ask(wire)
        assert type(raised.value) is error


@pytest.mark.parametrize(("answer", "error"), STREAMS)
async def test_wrong_streams(answer: Answer, error: type[EngineError]) -> None:
    """Likewise in the middle of a stream."""
    async with server(answer) as wire:
        with pytest.raises(error) as raised:
            await listen(wire)
        assert type(raised.value) is error


@pytest.mark.parametrize("use", [ask, listen])
async def test_silence_is_a_timeout(use: Callable[[LlamaWire], Awaitable[None]]) -> None:
    """A server that hangs is given up after the time that was set."""
    async with server(hangs, seconds=0.1) as wire:
        with pytest.raises(EngineTimeout):
            await use(wire)


@pytest.mark.parametrize("use", [ask, listen])
async def test_nobody_there_is_unavailable(use: Callable[[LlamaWire], Awaitable[None]]) -> None:
    """So is a wire that was closed."""
    async with server(hangs) as wire:
        pass
    with pytest.raises(EngineUnavailable):
        await use(wire)
    wire = LlamaWire("http://127.0.0.1:1", "key", answer_seconds=1)
    with pytest.raises(EngineUnavailable):
        await use(wire)
    await wire.close()


async def test_a_refusal_names_the_prompt() -> None:
    """What does not fit is the prompt's fault."""
    async with server(says(400, TOO_LONG)) as wire:
        with pytest.raises(EngineRefusal) as refusal:
            await ask(wire)
    assert refusal.value.field == "prompt"


@pytest.mark.parametrize(
    ("seed", "sent"),
    [(None, -1), (0, 0), (2**32 - 1, 0), (2**32 - 2, 2**32 - 2), (2**63, 2**63 % (2**32 - 1))],
)
def test_no_seed_means_random_by_accident(seed: int | None, sent: int) -> None:
    """The one 32-bit number that is "random" to llama.cpp is never sent for a real seed."""
    assert sampling_fields(Sampling(seed=seed))["seed"] == sent


def test_sampling_is_told_in_full() -> None:
    """Every field goes over, but for penalties, which are added as a bias token by token."""
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=7, seed=3, logit_bias={5: -1.0})
    expected = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "seed": 3, "logit_bias": [[5, -1.0]]}
    assert sampling_fields(sampling) == expected
