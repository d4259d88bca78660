"""Requests that are no requests of ours: always a 4xx in OpenAI's envelope, and never a trace of the text."""

import asyncio
import json

import httpx
import pytest

from harness.proxy import COMPLETIONS, error_of, proxy, served
from pilotfish.backend.proxy.settings import Limits, Settings

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", JSON, 400, "invalid_json"),
        (b"{", JSON, 400, "invalid_json"),
        (b"not json", JSON, 400, "invalid_json"),
        (b"[]", JSON, 400, "invalid_json"),
        (b'{"prompt": "\xff"}', JSON, 400, "invalid_encoding"),
        ('{"prompt": "x"}'.encode("utf-16"), JSON, 400, "invalid_encoding"),
        (b'\xef\xbb\xbf{"prompt": "x"}', JSON, 400, "invalid_json"),
        (b"[" * 900, JSON, 400, "invalid_json"),
        (b'{"prompt": []}', JSON, 400, "invalid_value"),
        (b'{"prompt": "x", "max_tokens": -1}', JSON, 400, "invalid_value"),
        (b'{"prompt": "x"}', {}, 400, "invalid_content_type"),
        (b'{"prompt": "x"}', {"content-type": "text/plain"}, 400, "invalid_content_type"),
        (b"prompt=x", FORM, 400, "invalid_content_type"),
        (b" " * 2000, JSON, 413, "body_too_large"),
    ],
)
@pytest.mark.parametrize(
    "path", [COMPLETIONS, "/v1/engines/codegen/completions", "/v1/engines/copilot-codex/completions"]
)
async def test_malformed_bodies(
    path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """One status and one code for each way of being wrong, on each path."""
    async with proxy(Settings(limits=Limits(body_bytes=1000))) as made:
        answer = await made.http.post(path, content=body, headers=headers)
        assert (answer.status_code, error_of(answer)["code"]) == (status, code)
        assert made.engine.calls == []


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/vnd.x+json"]
)
async def test_json_by_all_its_names(kind: str) -> None:
    """What a web page can't send without asking is understood as JSON."""
    async with proxy() as made:
        answer = await made.http.post(COMPLETIONS, content=b'{"prompt": "x"}', headers={"content-type": kind})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/v1/completions", 405, "POST"),
        ("DELETE", "/v1/models", 405, "GET"),
        ("PATCH", "/health", 405, "GET"),
        ("POST", "/", 405, "GET"),
        ("GET", "/v1/nothing", 404, None),
        ("POST", "/v1/chat/completions", 404, None),
        ("GET", "/v1/models/", 404, None),
        ("GET", "/docs", 404, None),
        ("POST", "/v1/completions/", 404, None),
        ("GET", "/%ff%00", 404, None),
    ],
)
async def test_paths_and_methods(method: str, path: str, status: int, allowed: str | None) -> None:
    """The router's own errors are in the envelope too; a 405 says what is allowed."""
    async with proxy() as made:
        answer = await made.http.request(method, path)
        assert answer.status_code == status
        assert error_of(answer)["type"] == "invalid_request_error"
        assert answer.headers.get("allow") == allowed


async def test_keys_come_before_everything_else() -> None:
    """Without a key nobody learns whether a body was right."""
    async with proxy(Settings(api_key="right-key-0123456789")) as made:
        for path in (COMPLETIONS, "/v1/engines/nothing/completions"):
            assert (await made.http.post(path, content=b"{")).status_code == 401
        for path in ("/v1/models", "/v1/models/x", "/v1/engines", "/metrics"):
            answer = await made.http.get(path)
            assert (answer.status_code, error_of(answer)["code"]) == (401, "invalid_api_key")
            assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/health", "/health/live", "/health/ready", "/", "/status.json"):
            assert (await made.http.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8012", 200),
        ("[::1]:8012", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:8012", 403),
        ("192.168.1.5", 403),
    ],
)
async def test_names_that_lead_here_by_a_trick(host: str, status: int) -> None:
    """Without keys, a web page whose name was pointed at 127.0.0.1 gets nothing."""
    async with proxy() as made:
        answer = await made.http.get("/health/live", headers={"host": host})
        assert answer.status_code == status
    async with proxy(Settings(api_key="right-key-0123456789")) as made:
        assert (await made.http.get("/health/live", headers={"host": host})).status_code == 200


async def test_no_cors() -> None:
    """A page of another origin gets no permission, asked politely or not."""
    async with proxy() as made:
        headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        asked = await made.http.options(COMPLETIONS, headers=headers)
        assert asked.status_code == 405
        answer = await made.http.get("/health", headers={"origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_huge_bodies_are_not_kept() -> None:
    """The declared length is enough to refuse; without one, reading stops at the limit; the server lives on."""
    async with served(Settings(limits=Limits(body_bytes=100_000))) as made:

        async def endless() -> object:
            for _ in range(200):
                yield b" " * 65536

        declared = await made.http.post(COMPLETIONS, content=b" " * 5_000_000, headers=JSON)
        chunked = await made.http.post(COMPLETIONS, content=endless(), headers=JSON)  # type: ignore[arg-type]
        for answer in (declared, chunked):
            assert (answer.status_code, error_of(answer)["code"]) == (413, "body_too_large")
        assert (await made.ask(prompt="x")).status_code == 200


async def test_a_body_announced_as_huge_is_not_waited_for() -> None:
    """The header alone is answered."""
    async with served(Settings(limits=Limits(body_bytes=1000))) as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(made.url).port)
        writer.write(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999999999999999999\r\n\r\n"
        )
        assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"HTTP/1.1 413 ")
        writer.close()


async def test_slow_bodies_are_not_waited_for() -> None:
    """A client that sends its body drop by drop gets a 408, and its place is free again."""
    async with served(Settings(limits=Limits(body_seconds=0.1, queue=1))) as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(made.url).port)
        writer.write(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 50\r\n\r\n{"
        )
        status = await asyncio.wait_for(reader.readline(), 5)
        assert status == b"HTTP/1.1 408 Request Timeout\r\n"
        assert made.service.turnstile.inside == 0
        writer.close()


async def test_prompts_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither what is asked, nor what is answered, nor a key; at any level, and in errors."""
    caplog.set_level("DEBUG")
    settings = Settings(api_key="secret-key-0123456789")
    async with proxy(settings, script="secret answer") as made:
        made.headers["authorization"] = "Bearer secret-key-0123456789"
        bodies = (
            {"prompt": "secret prompt"},
            {"prompt": "secret prompt", "stream": True},
            {"prompt": {"secret": 1}},
            {"prompt": "x", "secret": 1},
            {"prompt": "x", "model": "secret"},
            {"prompt": "secret " * 5000},
        )
        for body in bodies:
            await made.http.post(COMPLETIONS, content=json.dumps(body), headers={**JSON, **made.headers})
        await made.http.post(
            "/v1/engines/secret/completions?secret=1", json={"prompt": "x"}, headers=made.headers
        )
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("pilotfish")]
    assert len(ours) >= len(bodies)
    assert not [line for line in ours if "secret" in line]
