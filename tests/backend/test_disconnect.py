"""A client that leaves ends the engine's work, however it left and whatever it had asked for; over real sockets."""

import asyncio
import json
import socket
from typing import Any

import httpx
import pytest

from harness.proxy import COMPLETIONS, Proxy, served
from harness.waiting import until
from pilotfish.backend.proxy.settings import Limits, Settings

DELAY = 0.25  # seconds from the client's leaving until the engine's slot is free


def post(**fields: Any) -> bytes:
    """A request for a completion, byte by byte."""
    body = json.dumps({"prompt": "x", "max_tokens": 1000, **fields}).encode()
    head = f"POST {COMPLETIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def connect(made: Proxy, **fields: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(made.url).port)
    writer.write(post(**fields))
    await writer.drain()
    return reader, writer


async def leave(writer: asyncio.StreamWriter, *, rudely: bool) -> None:
    """Close the connection, or reset it."""
    if rudely:
        writer.transport.abort()
    else:
        writer.close()
        await writer.wait_closed()


async def freed(made: Proxy, cancelled: int = 1) -> None:
    """All slots are free in time and the engine has seen the cancellations."""
    await until(
        lambda: made.engine.active == 0 and len(made.engine.cancellations) == cancelled, seconds=DELAY
    )
    await until(lambda: made.service.turnstile.inside == 0 and made.service.slots.running == 0, seconds=1)


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_while_text_comes(*, stream: bool, rudely: bool) -> None:
    """Streamed or not, the generation ends."""
    async with served(decode_seconds=0.01) as made:
        reader, writer = await connect(made, stream=stream)
        await until(lambda: made.engine.active == 1)
        if stream:
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        await leave(writer, rudely=rudely)
        await freed(made)
        assert made.engine.cancellations[0].phase == "decode"
        assert made.engine.cancellations[0].tokens < 100


@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_while_the_prompt_is_read(*, stream: bool) -> None:
    """Nothing was sent yet, and nothing is generated."""
    async with served(prefill_seconds=0.01) as made:
        _, writer = await connect(made, prompt="import " * 100, stream=stream)
        await until(lambda: made.engine.active == 1)
        await leave(writer, rudely=False)
        await freed(made)
        assert made.engine.cancellations[0].phase == "prefill"


async def test_leaving_while_waiting_for_a_slot() -> None:
    """The place in the row is given up; the engine never hears of it."""
    async with served(slots=1, decode_seconds=0.01) as made:
        _, busy = await connect(made)
        await until(lambda: made.engine.active == 1)
        _, writer = await connect(made)
        await until(lambda: made.service.slots.waiting == 1)
        await leave(writer, rudely=False)
        await until(lambda: made.service.slots.waiting == 0, seconds=DELAY)
        assert len(made.engine.calls) == 1
        await leave(busy, rudely=False)
        await freed(made)


async def test_leaving_ends_all_texts_of_the_request() -> None:
    """With several texts, those that run and those that wait."""
    async with served(decode_seconds=0.01) as made:
        _, writer = await connect(made, n=5)
        await until(lambda: made.engine.active == 2)
        await leave(writer, rudely=False)
        await freed(made, cancelled=2)
        assert len(made.engine.calls) == 2


async def test_a_stop_sequence_ends_the_generation() -> None:
    """The rest that nobody will see is not generated."""
    async with served(script="value\n" * 50, decode_seconds=0.005) as made:
        body = await made.complete(prompt="x", temperature=0, stop="\n", max_tokens=200)
        assert body["usage"]["completion_tokens"] == 2
        assert made.engine.cancellations[0].tokens == 2
        await until(lambda: made.engine.active == 0)


async def test_one_failing_text_ends_the_others() -> None:
    """A deadline ends all of them at once."""
    async with served(Settings(limits=Limits(request_seconds=0.2)), decode_seconds=0.01) as made:
        answer = await made.ask(prompt="x", n=4, max_tokens=1000)
        assert answer.status_code == 504
        await freed(made, cancelled=2)


async def test_a_client_that_does_not_read_holds_nothing_for_ever() -> None:
    """When the socket's buffers are full the engine waits, until the request's time is over."""
    limits = Limits(request_seconds=1.0, queue_seconds=0.5)
    async with served(Settings(limits=limits), slots=10, context_length=10**6) as made:
        with socket.create_connection(("127.0.0.1", httpx.URL(made.url).port)) as deaf:
            # Ten echoes of a megabyte and a half are more than any buffer takes.
            prompt = "value" * 300_000
            await asyncio.to_thread(deaf.sendall, post(prompt=prompt, echo=True, n=10, stream=True))
            await until(lambda: made.engine.active > 0)
            await until(lambda: made.engine.active == 0, seconds=8)
            assert max(cancelled.tokens for cancelled in made.engine.cancellations) < 1000
            await until(lambda: made.service.turnstile.inside == 0, seconds=3)
        assert (await made.ask(prompt="x", max_tokens=1)).status_code == 200


async def test_cancelled_requests_are_counted() -> None:
    """In the metrics, with the status by which nginx calls them."""
    async with served(decode_seconds=0.01) as made:
        _, writer = await connect(made)
        await until(lambda: made.engine.active == 1)
        await leave(writer, rudely=False)
        await freed(made)
        metrics = (await made.http.get("/metrics")).text
        assert "pilotfish_cancelled_total 1.0" in metrics
        assert 'pilotfish_requests_total{route="/v1/completions",status="499"} 1.0' in metrics
