"""What the HTTP client makes of refusals, of silence and of nobody there."""

import time

import pytest

from harness.raw_completions import completion
from harness.raw_http import Exchange, RawServer
from pilotfish.lsp.client import (
    BackendError,
    BackendModel,
    BackendTimeout,
    BackendUnreachable,
    BadRequest,
    Endpoint,
    HttpBackend,
    ModelNotFound,
    Overloaded,
    ProtocolError,
    Unauthorized,
)

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
