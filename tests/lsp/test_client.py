"""The HTTP client against servers that do right and wrong, byte by byte."""

import asyncio
import logging
from contextlib import aclosing

import pytest

from harness.raw_completions import LAST, PROMPT, SMALL, completion, event, events
from harness.raw_http import SSE, Exchange, Handler, RawServer
from pilotfish.lsp.client import (
    BackendError,
    BackendModel,
    Chunk,
    CompletionRequest,
    Endpoint,
    HttpBackend,
    Overloaded,
    ProtocolError,
    Usage,
)
from pilotfish.lsp.fim_templates import TEMPLATES


async def test_a_stream_is_read_as_it_comes(server: RawServer, backend: HttpBackend) -> None:
    """Each event is a chunk at once; the usage comes with the last."""

    async def handler(exchange: Exchange) -> None:
        await exchange.head(SSE)
        await exchange.event("one")
        await going_on.wait()
        await exchange.event(" two", "stop")
        await exchange.part(
            b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":'
            b'{"cached_tokens":7}}}\n\ndata: [DONE]\n\n'
        )
        await exchange.end()

    going_on = asyncio.Event()
    server.complete(handler)
    got = []
    async with aclosing(backend.stream(CompletionRequest(PROMPT), SMALL)) as chunks:
        async for chunk in chunks:
            got.append(chunk)
            going_on.set()  # only now does the server go on
    assert got == [Chunk("one"), Chunk(" two", "stop"), Chunk("", usage=Usage(9, 2, 7))]


async def test_the_request_is_openais(server: RawServer, backend: HttpBackend) -> None:
    """A backend that announces nothing gets only OpenAI's own fields, and only those that are needed."""
    server.complete(events(event("x"), LAST))
    await completion(backend, suffix=")", middle="", stop=("\n",), max_tokens=24)
    assert server.requests[-1].body == {
        "model": "small",
        "prompt": PROMPT,
        "suffix": ")",
        "max_tokens": 24,
        "temperature": 0.0,
        "stop": ["\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert "authorization" not in server.requests[-1].headers


@pytest.mark.parametrize(
    ("extensions", "fields", "expected"),
    [
        (set(), {"suffix": "S", "middle": "M"}, {"prompt": PROMPT + "M", "suffix": "S"}),
        (
            {"fim_middle"},
            {"suffix": "S", "middle": "M"},
            {"prompt": PROMPT, "suffix": "S", "fim_middle": "M"},
        ),
        ({"fim_middle"}, {"suffix": None, "middle": "M"}, {"prompt": PROMPT + "M"}),
        ({"truncate"}, {}, {"prompt": PROMPT, "truncate": "left"}),
        (set(), {"n": 2, "seed": 7}, {"prompt": PROMPT, "n": 2, "seed": 7}),
    ],
)
async def test_extensions_go_only_to_backends_that_announce_them(
    server: RawServer,
    backend: HttpBackend,
    extensions: set[str],
    fields: dict[str, object],
    expected: dict[str, object],
) -> None:
    """Without the extension the typed part of the line goes into the prompt, so that nothing is lost."""
    server.complete(events(event("x"), LAST))
    await completion(backend, BackendModel("small", extensions=frozenset(extensions)), **fields)
    names = {"prompt", "suffix", "fim_middle", "truncate", "n", "seed"}
    assert {name: value for name, value in server.requests[-1].body.items() if name in names} == expected


async def test_a_template_takes_the_place_of_the_suffix(server: RawServer) -> None:
    """For a server without `suffix` the prompt is written with the model's own markers, which also end it."""
    server.complete(events(event("x"), LAST))
    backend = HttpBackend(Endpoint(server.url), template=TEMPLATES["qwen"])
    await completion(backend, suffix="S", middle="M", stop=("\n",))
    await completion(backend)
    await backend.aclose()
    filled, plain = (request.body for request in server.requests)
    assert filled["prompt"] == f"<|fim_prefix|>{PROMPT}<|fim_suffix|>S<|fim_middle|>M"
    assert "suffix" not in filled
    assert filled["stop"] == ["\n", *TEMPLATES["qwen"].stop]
    assert plain["prompt"] == PROMPT


async def test_a_connection_serves_one_request_after_the_other(
    server: RawServer, backend: HttpBackend
) -> None:
    """Streams that end by themselves leave the connection open for the next."""
    server.complete(events(event("x"), LAST))
    for _ in range(3):
        await completion(backend)
    assert [request.connection for request in server.requests] == [1, 1, 1]


async def test_a_kept_connection_that_the_server_closed_is_replaced(
    server: RawServer, backend: HttpBackend
) -> None:
    """A server may close an idle connection just when the next request goes out."""

    async def closes_without_answer(exchange: Exchange) -> None:
        server.complete(events(event("x"), LAST))
        exchange.writer.close()

    server.complete(closes_without_answer)
    assert (await completion(backend))[0].text == "x"


async def test_a_server_that_never_ends_its_stream_is_not_waited_for(
    server: RawServer, backend: HttpBackend
) -> None:
    """After [DONE] nothing more can come."""

    async def handler(exchange: Exchange) -> None:
        await exchange.head(SSE)
        await exchange.part(event("x") + LAST)
        await exchange.hung_up()

    server.complete(handler)
    async with asyncio.timeout(2):
        assert (await completion(backend))[0].text == "x"


@pytest.mark.parametrize("way", ["aclose", "cancel", "cancel before the head"])
async def test_closing_a_stream_closes_the_request_at_once(
    server: RawServer, backend: HttpBackend, way: str
) -> None:
    """The server sees the end within 20 ms, however the stream was left."""
    seen: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    arrived = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        if way != "cancel before the head":
            await exchange.head(SSE)
            await exchange.event("x")
        arrived.set()
        seen.set_result(await exchange.hung_up())

    server.complete(handler)
    stream = backend.stream(CompletionRequest(PROMPT), SMALL)

    async def read() -> None:
        async with aclosing(stream):
            async for _ in stream:
                got.set()

    got = asyncio.Event()
    loop = asyncio.get_running_loop()
    if way == "aclose":
        await anext(stream)
        left = loop.time()
        await stream.aclose()
    else:
        task = asyncio.create_task(read())
        await (got if way == "cancel" else arrived).wait()
        left = loop.time()
        task.cancel()
    async with asyncio.timeout(2):
        assert await seen - left < 0.02


BROKEN: dict[str, Handler] = {
    "half a line": events(event("one"), b'data: {"choices":[{"text":"tw'),
    "closed mid-stream": events(event("one"), finish=False),
    "closed in a line": events(event("one"), b'data: {"choi', finish=False),
    "malformed JSON": events(event("one"), b"data: {'x'}\n\n", event("two"), LAST),
    "not an object": events(event("one"), b"data: 3\n\n", event("two"), LAST),
    "not a completion": events(event("one"), b'data: {"id": 3}\n\n', event("two"), LAST),
    "text is no text": events(event("one"), b'data: {"choices":[{"text":3}]}\n\n', event("two"), LAST),
    "half a character": events(event("one"), event("\ufffd"), event("two"), LAST),
    "half a character's bytes": events(event("one"), b'data: {"choices":[{"text":"\xf0\x9f"}]}\n\n', LAST),
    "half a surrogate pair": events(event("one"), event("\\ud83d"), event("two"), LAST),
    "an error in the stream": events(event("one"), b'data: {"error":{"message":"boom","code":500}}\n\n'),
    "no end at all": events(event("one")),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_complete_in_a_broken_stream_is_used(
    server: RawServer, backend: HttpBackend, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What came before the fault is used, the rest dropped, and the log line quotes nothing."""
    server.complete(BROKEN[case])
    with caplog.at_level(logging.DEBUG, logger="pilotfish"):
        chunks = await completion(backend)
    assert "".join(chunk.text for chunk in chunks) == "one"
    assert all(chunk.finish_reason is None for chunk in chunks)
    if case not in {"half a line", "no end at all"}:
        assert "dropped the rest of an answer" in caplog.text
    assert "one" not in [record.getMessage() for record in caplog.records]
    assert "secret_function" not in caplog.text


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (events(b"data: {'x'}\n\n"), ProtocolError),
        (events(b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'), ProtocolError),
        (events(), ProtocolError),
        (events(finish=False), ProtocolError),
        (events(b'data: {"error":{"message":"boom","code":503}}\n\n'), Overloaded),
    ],
    ids=["malformed", "a chat", "empty", "closed", "error"],
)
async def test_a_stream_with_nothing_in_it_is_an_error(
    server: RawServer, backend: HttpBackend, handler: Handler, kind: type[BackendError]
) -> None:
    """Where no text came at all, the caller must know why."""
    server.complete(handler)
    with pytest.raises(kind):
        await completion(backend)


async def test_an_endless_line_is_broken_off(server: RawServer, backend: HttpBackend) -> None:
    """A stream without a line's end must not fill our memory."""
    sent = 0

    async def handler(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.head(SSE)
        while True:
            await exchange.part(b"x" * (1 << 20))
            sent += 1

    server.complete(handler)
    with pytest.raises(ProtocolError, match="longer than"):
        await completion(backend)
    assert sent < 20


async def test_a_stream_is_utf_8_whatever_its_header_says(server: RawServer, backend: HttpBackend) -> None:
    """The standard knows no other encoding."""

    async def handler(exchange: Exchange) -> None:
        await exchange.head(SSE + "; charset=iso-8859-1")
        await exchange.part(event("é") + LAST)
        await exchange.end()

    server.complete(handler)
    assert (await completion(backend))[0].text == "é"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((event("\\ud83d"), event("\\ude00!"), LAST), "😀!"),
        ((b'data: {"choices":[{"text":"\xf0\x9f', b'\x98\x80!"}]}\n\n', LAST), "😀!"),
        ((b': ping\r\n\r\ndata: {"choices":[{"text":"a","index":0}]}\r\n\r', b"\n" + LAST), "a"),
        ((b'data: {"choices":[{"text":"a\xe2\x80\xa8b","index":0}]}\n\n', LAST), "a\u2028b"),
    ],
    ids=["escapes in two events", "bytes in two parts", "CRLF and comments", "line separator"],
)
async def test_characters_survive_being_split(
    server: RawServer, backend: HttpBackend, parts: tuple[bytes, ...], text: str
) -> None:
    """Where a character's halves both arrive, it is whole again."""
    server.complete(events(*parts))
    assert "".join(chunk.text for chunk in await completion(backend)) == text


async def test_a_server_that_cannot_stream_may_answer_with_json(
    server: RawServer, backend: HttpBackend
) -> None:
    """A plain JSON answer to a stream request is a stream of one chunk a choice."""

    async def handler(exchange: Exchange) -> None:
        choices = [{"text": "a", "index": 0, "finish_reason": "stop"}, {"text": "b", "index": 1}]
        await exchange.answer({"choices": choices, "usage": {"prompt_tokens": 3, "completion_tokens": 2}})

    server.complete(handler)
    assert await completion(backend) == [Chunk("a", "stop", 0, Usage(3, 2)), Chunk("b", None, 1)]


async def test_a_web_page_is_not_a_completion(server: RawServer, backend: HttpBackend) -> None:
    """What answers 200 with a page (a login form, a wrong port) is named as what it is."""

    async def handler(exchange: Exchange) -> None:
        await exchange.head("text/html")
        await exchange.part(b"<html>")
        await exchange.end()

    server.complete(handler)
    with pytest.raises(ProtocolError, match=r"text/html.*backend\.url"):
        await completion(backend)


async def test_models_are_listed(backend: HttpBackend) -> None:
    """In the backend's order."""
    assert [model.id for model in await backend.models()] == ["small", "large"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"data": 3}', b"<html>"])
async def test_a_list_of_models_that_is_none(server: RawServer, backend: HttpBackend, body: bytes) -> None:
    """What is no list of models is an error of ours."""
    server.handlers["/v1/models"] = lambda exchange: exchange.answer(body)
    with pytest.raises(ProtocolError):
        await backend.models()


@pytest.mark.parametrize(
    ("health", "models", "expected"),
    [
        (200, 500, True),
        (503, 200, False),
        (500, 200, False),
        (404, 200, True),
        (405, 200, True),
        (404, 404, False),
        (401, 200, True),
        (404, 503, False),
    ],
)
async def test_health_asks_the_model_list_where_there_is_no_health(
    server: RawServer, backend: HttpBackend, health: int, models: int, expected: bool
) -> None:
    """A refused key counts as healthy: the next completion reports it."""
    server.handlers["/health"] = lambda exchange: exchange.answer({}, health)
    server.handlers["/v1/models"] = lambda exchange: exchange.answer({}, models)
    assert await backend.health() is expected


async def test_warming_goes_only_to_backends_that_announce_it(
    server: RawServer, backend: HttpBackend
) -> None:
    """It is a completion of no tokens."""
    server.complete(lambda exchange: exchange.answer({"choices": [{"text": "", "finish_reason": "length"}]}))
    await backend.warm(PROMPT, None, SMALL)
    assert server.requests == []
    await backend.warm(PROMPT, None, BackendModel("small", extensions=frozenset({"warm"})))
    assert server.requests[0].body == {
        "model": "small",
        "prompt": PROMPT,
        "max_tokens": 0,
        "temperature": 0.0,
    }


async def test_half_a_surrogate_pair_in_the_document_can_be_sent(
    server: RawServer, backend: HttpBackend
) -> None:
    """Such text is in no encoding, but must not break the request."""
    server.complete(events(event("x"), LAST))
    request = CompletionRequest("a\ud83d")
    async with aclosing(backend.stream(request, SMALL)) as chunks:
        assert (await anext(chunks)).text == "x"
    assert server.requests[0].body["prompt"] == "a?"
