"""A mock OpenAI completions backend, a process of its own with real HTTP/1.1 and SSE.

    PYTHONPATH=tests python -P tests/harness/mock_openai.py [--port N] [--tls-cert F --tls-key F]

Prints one JSON line `{"url", "port", "pid"}` once it listens. `POST /mock/behaviour` changes fields of
`mock_behaviour.Behaviour` for the requests that follow, `GET /mock/log` returns every request so far,
`POST /mock/reset` forgets the log and restores the defaults. These paths are not part of the log.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from harness.mock_behaviour import Behaviour, Call
from harness.mock_stream import ClientGoneError, Exchange, complete, error_envelope

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class MockBackend:
    """The ASGI application."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.calls: list[Call] = []
        self.last_prompt = ""
        self._number = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        received = time.monotonic()
        body = await _read(receive)
        path = scope["path"]
        if path.startswith("/mock/"):
            status, answer = self._control(scope["method"], path, body)
            await _send_json(send, status, answer)
            return
        self._number += 1
        host, port = scope["client"] or ("", 0)
        call = Call(self._number, scope["method"], path, f"{host}:{port}", received)
        self.calls.append(call)
        with suppress(ValueError):
            call.body = json.loads(body) if body else None
        await self._serve(Exchange(call, self.behaviour, receive, send), scope)
        call.end = time.monotonic()

    async def _serve(self, exchange: Exchange, scope: Scope) -> None:
        call, behaviour = exchange.call, exchange.behaviour
        path = call.path.removeprefix("/v1")
        if path in {"/health", "/health/live", "/health/ready"}:
            await self._reply(exchange, behaviour.health, {"status": "ok", "version": behaviour.version})
            return
        if behaviour.api_key is not None:
            call.authorized = (
                dict(scope["headers"]).get(b"authorization") == b"Bearer " + behaviour.api_key.encode()
            )
        if not call.authorized:
            await self._reply(exchange, 401, error_envelope("Incorrect API key provided", "invalid_api_key"))
        elif path == "/models":
            try:
                await exchange.pause_until(call.received + behaviour.models_delay)
            except ClientGoneError:
                return
            data = {"object": "list", "data": [dict(model) for model in behaviour.models]}
            await self._reply(exchange, behaviour.models_status, data)
        elif path == "/completions" and call.method == "POST":
            await self._complete(exchange)
        else:
            await self._reply(exchange, 404, error_envelope(f"no route {call.path}", "not_found"))

    async def _complete(self, exchange: Exchange) -> None:
        call, behaviour = exchange.call, exchange.behaviour
        names = {model["id"] for model in behaviour.models}
        if behaviour.status != 200:
            await self._reply(exchange, behaviour.status, error_envelope("the mock was told to fail", None))
        elif not isinstance(call.body, dict) or not isinstance(call.body.get("prompt"), str):
            await self._reply(exchange, 400, error_envelope("prompt: a string is required", None))
        elif behaviour.strict_model and call.body.get("model") not in names:
            message = f"The model {call.body.get('model')!r} does not exist"
            await self._reply(exchange, 404, error_envelope(message, "model_not_found"))
        else:
            before, self.last_prompt = self.last_prompt, call.body["prompt"]
            await complete(exchange, before)

    async def _reply(self, exchange: Exchange, status: int, answer: object) -> None:
        headers = []
        if status != 200 and exchange.behaviour.retry_after is not None:
            headers.append((b"retry-after", exchange.behaviour.retry_after.encode()))
        if status != 200 and isinstance(answer, dict) and "error" not in answer:
            answer = error_envelope("the mock was told to fail", None)
        exchange.call.status = status
        exchange.call.outcome = "complete" if status == 200 else "error"
        await _send_json(exchange.send, status, answer, headers)

    def _control(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if (method, path) == ("GET", "/mock/log"):
            return 200, {"now": time.monotonic(), "calls": [call.to_json() for call in self.calls]}
        if (method, path) == ("POST", "/mock/reset"):
            self.behaviour, self.calls, self.last_prompt = Behaviour(), [], ""
            return 200, {}
        if (method, path) == ("POST", "/mock/behaviour"):
            try:
                self.behaviour = self.behaviour.changed(json.loads(body))
            except (ValueError, TypeError) as error:
                return 400, error_envelope(str(error), None)
            return 200, {}
        return 404, error_envelope(f"no route {path}", None)


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body


async def _send_json(
    send: Send, status: int, answer: object, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    data = json.dumps(answer).encode()
    length = (b"content-length", str(len(data)).encode())
    headers = [(b"content-type", b"application/json"), length, *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


def main() -> None:
    """Serve on loopback until SIGTERM, or until stdin ends with `--until-eof`."""
    parser = argparse.ArgumentParser(description="A mock OpenAI completions backend.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--until-eof", action="store_true", help="stop when stdin is closed")
    arguments = parser.parse_args()
    import uvicorn

    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer takes 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    listener.listen(128)
    port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(
            MockBackend(),
            lifespan="off",
            log_level="critical",
            access_log=False,
            ssl_certfile=arguments.tls_cert,
            ssl_keyfile=arguments.tls_key,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
    )

    def stop_at_eof() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    if arguments.until_eof:
        threading.Thread(target=stop_at_eof, daemon=True).start()
    scheme = "https" if arguments.tls_cert else "http"
    # The socket listens already, so whoever reads this line can connect at once.
    ready = {"url": f"{scheme}://127.0.0.1:{port}", "port": port, "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
