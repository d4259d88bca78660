"""The HTTP client against servers that do right and wrong, byte by byte."""

import asyncio
import logging
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import trustme

from harness.raw_http import SSE, Exchange, Handler, RawServer, raw_server
from pilotfish.lsp.client import (
    BackendError,
    BackendModel,
    BackendTimeout,
    BackendUnreachable,
    BadRequest,
    BadSetting,
    Chunk,
    CompletionRequest,
    Endpoint,
    HttpBackend,
    ModelNotFound,
    Overloaded,
    ProtocolError,
    Unauthorized,
    Usage,
)
from pilotfish.lsp.fim_templates import TEMPLATES
from pilotfish.lsp.secret import Secret

PROMPT = "def secret_function(argument):\n    return "
SMALL = BackendModel("small")


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with raw_server() as running:
        yield running


@pytest.fixture
async def backend(server: RawServer) -> AsyncIterator[HttpBackend]:
    client = HttpBackend(Endpoint(server.url, timeout=5))
    yield client
    await client.aclose()


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


ANSWERS = [
    (401, b"{}", Unauthorized, "wants an API key: set backend.api_key"),
    (403, b"{}", Unauthorized, "backend.api_key"),
    (407, b"{}", Unauthorized, "proxy"),
    (400, b'{"error":{"message":"max_tokens is too large"}}', BadRequest, "max_tokens is too large"),
    (400, b'{"error":{"message":"can not parse: def secret_function(arg"}}', BadRequest, r"\(HTTP 400\)$"),
    (400, b"[" * 100_000, BadRequest, r"\(HTTP 400\)$"),
    (422, b'{"detail":[{"input":"def secret_function"}]}', BadRequest, r"\(HTTP 422\)$"),
    (413, b"", BadRequest, "413"),
    (429, b"", Overloaded, "429"),
    (500, b"", BackendUnreachable, "internal error"),
    (502, b"<html>", BackendUnreachable, "502"),
    (503, b"", Overloaded, r"can't serve now \(HTTP 503\)$"),
    (503, b'{"error":{"message":"no Triton answers at gpu:8001"}}', Overloaded, "503.*: no Triton answers"),
    (503, b'{"error":{"message":"can not parse: def secret_function(arg"}}', Overloaded, r"\(HTTP 503\)$"),
    (504, b"", BackendTimeout, "504"),
    (302, b"", ProtocolError, "redirects"),
    (204, b"", ProtocolError, "204"),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer[0]}-{len(answer[1])}")
async def test_each_status_is_an_error_of_ours(
    server: RawServer, backend: HttpBackend, answer: tuple[int, bytes, type[BackendError], str]
) -> None:
    """The message says what to do, and never quotes what the user wrote."""
    status, body, kind, says = answer

    async def handler(exchange: Exchange) -> None:
        length = f"Content-Length: {len(body)}\r\n" if status != 204 else ""
        await exchange.send(f"HTTP/1.1 {status} X\r\n{length}\r\n".encode() + body)

    server.complete(handler)
    with pytest.raises(kind, match=says) as caught:
        await completion(backend)
    assert type(caught.value) is kind
    assert "secret_func" not in str(caught.value)


async def test_a_missing_model_is_answered_with_those_that_are_there(backend: HttpBackend) -> None:
    """404 for a model lists the backend's models."""
    with pytest.raises(
        ModelNotFound, match=r"no model 'huge': set backend\.model to one of small, large"
    ) as caught:
        await completion(backend, BackendModel("huge"))
    assert caught.value.available == ("small", "large")


async def test_a_missing_route_is_not_a_missing_model(backend: HttpBackend) -> None:
    """404 for a model that the backend lists means that the address is wrong."""
    with pytest.raises(ProtocolError, match=r"no /v1/completions at .*backend\.url"):
        await completion(backend)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("100000", 600.0), ("soon", None), ("nan", None), ("", None)],
)
async def test_retry_after_in_seconds(
    server: RawServer, backend: HttpBackend, header: str, expected: float | None
) -> None:
    """What the backend asks us to wait, within reason."""
    server.complete(lambda exchange: exchange.answer({}, 429, Retry_After=header))
    with pytest.raises(Overloaded) as caught:
        await completion(backend)
    assert caught.value.retry_after == expected


async def test_retry_after_as_a_date(server: RawServer, backend: HttpBackend) -> None:
    """HTTP's other way to say it."""
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    server.complete(lambda exchange: exchange.answer({}, 503, Retry_After=when))
    with pytest.raises(Overloaded) as caught:
        await completion(backend)
    assert caught.value.retry_after == pytest.approx(30, abs=2)


async def test_a_backend_that_is_not_there() -> None:
    """A refused connection is told at once."""
    backend = HttpBackend(Endpoint("http://127.0.0.1:9"))
    with pytest.raises(BackendUnreachable, match=r"no connection to the backend at http://127\.0\.0\.1:9$"):
        await completion(backend)
    assert not await backend.health()
    await backend.aclose()


async def test_a_silent_backend_times_out(server: RawServer) -> None:
    """backend.timeout counts from the last byte."""

    async def handler(exchange: Exchange) -> None:
        await exchange.hung_up()

    server.complete(handler)
    backend = HttpBackend(Endpoint(server.url, timeout=0.1))
    with pytest.raises(BackendTimeout, match=r"backend\.timeout"):
        await completion(backend)
    await backend.aclose()


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


async def test_the_key_is_sent_and_not_shown(server: RawServer) -> None:
    """As a bearer token; neither repr nor an error shows it, nor a password in the URL."""
    url = server.url.replace("://", "://ada:hunter2@")
    backend = HttpBackend(Endpoint(url, api_key=Secret("k1s3cret")))
    with pytest.raises(BackendError) as caught:
        await completion(backend)
    assert server.requests[0].headers["authorization"] == "Bearer k1s3cret"
    assert "k1s3cret" not in repr(backend.endpoint) + str(caught.value)
    assert "hunter2" not in str(caught.value)
    await backend.aclose()


async def test_a_login_in_the_url_is_used_when_there_is_no_key(server: RawServer) -> None:
    """As HTTP's Basic authentication."""
    backend = HttpBackend(Endpoint(server.url.replace("://", "://ada:p%40ss@") + "/v1/"))
    assert len(await backend.models()) == 2
    assert server.requests[0].headers["authorization"] == "Basic YWRhOnBAc3M="
    await backend.aclose()


async def test_half_a_surrogate_pair_in_the_document_can_be_sent(
    server: RawServer, backend: HttpBackend
) -> None:
    """Such text is in no encoding, but must not break the request."""
    server.complete(events(event("x"), LAST))
    request = CompletionRequest("a\ud83d")
    async with aclosing(backend.stream(request, SMALL)) as chunks:
        assert (await anext(chunks)).text == "x"
    assert server.requests[0].body["prompt"] == "a?"


@pytest.mark.parametrize(
    ("url", "root", "loopback"),
    [
        ("http://gpu:8012", "http://gpu:8012", False),
        ("http://gpu:8012/", "http://gpu:8012", False),
        ("http://gpu:8012/v1", "http://gpu:8012", False),
        ("https://gpu/llm/v1/", "https://gpu/llm", False),
        ("https://gpu/llm/v1/completions", "https://gpu/llm", False),
        ("https://u:p@gpu/x", "https://gpu/x", False),
        ("http://localhost:1", "http://localhost:1", True),
        ("http://127.9.9.9:1", "http://127.9.9.9:1", True),
        ("http://[::1]:1/v1", "http://[::1]:1", True),
        ("http://localhost.example.com", "http://localhost.example.com", False),
    ],
)
def test_addresses(url: str, root: str, loopback: bool) -> None:
    """With or without /v1, and what counts as this machine."""
    assert (Endpoint(url).root, Endpoint(url).is_loopback) == (root, loopback)


async def test_loopback_is_never_proxied(backend: HttpBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment gets everything but what goes to this machine or is in NO_PROXY."""
    async with raw_server() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "direct.invalid")
        assert len(await backend.models()) == 2
        assert proxy.requests == []
        proxy.handlers["http://gpu.invalid/v1/models"] = lambda exchange: exchange.answer(
            {"data": [{"id": "far"}]}
        )
        for name, proxied in (("gpu.invalid", True), ("direct.invalid", False)):
            remote = HttpBackend(Endpoint(f"http://{name}"))
            if proxied:
                assert [model.id for model in await remote.models()] == ["far"]
            else:
                with pytest.raises(BackendUnreachable):
                    await remote.models()
            await remote.aclose()
        assert [request.path for request in proxy.requests] == ["http://gpu.invalid/v1/models"]


async def test_certificates(tmp_path: Path) -> None:
    """A private authority is refused until ca_file names it; a server may ask for our certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("ada@example.com").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "me.pem")
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.maximum_version = (
        ssl.TLSVersion.TLSv1_2
    )  # a 1.3 client learns only later that its certificate is missing
    async with raw_server(tls=tls) as server:

        async def names(**files: str) -> list[str]:
            backend = HttpBackend(Endpoint(server.url, **files))  # type: ignore[arg-type]
            try:
                return [model.id for model in await backend.models()]
            finally:
                await backend.aclose()

        ca, me = str(tmp_path / "ca.pem"), str(tmp_path / "me.pem")
        assert await names(ca_file=ca, client_cert_file=me) == ["small", "large"]
        with pytest.raises(BackendUnreachable, match=r"not trusted.*backend\.ca_file"):
            await names(client_cert_file=me)
        with pytest.raises(BackendUnreachable, match=server.url):
            await names(ca_file=ca)
        with pytest.raises(BadSetting, match=r"backend\.ca_file.*No such file"):
            await names(ca_file=str(tmp_path / "none.pem"))
        with pytest.raises(BadSetting, match=r"backend\.client_cert_file.*no valid PEM"):
            await names(ca_file=ca, client_cert_file=ca)


def test_a_key_with_a_password_does_not_ask_for_it(tmp_path: Path) -> None:
    """OpenSSL would ask on the terminal, which is the editor's pipe."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"sesame"),
    )
    (tmp_path / "key.pem").write_bytes(key)
    trustme.CA().issue_cert("x").cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    code = f"""
from pilotfish.lsp.client import Endpoint
from pilotfish.lsp.http_pool import create_client
try:
    create_client(Endpoint("https://x", client_cert_file="{tmp_path}/cert.pem", client_key_file="{tmp_path}/key.pem"))
except Exception as error:
    print(type(error).__name__, error)
"""
    # With a terminal, since without one there is nobody to ask.
    terminal = f"import pty, sys; pty.spawn([sys.executable, '-c', {code!r}])"
    output = subprocess.check_output([sys.executable, "-c", terminal], stdin=subprocess.DEVNULL, timeout=20)
    assert output.startswith(b"BadSetting backend.client_cert_file")
