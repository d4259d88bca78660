"""The proxy around an in-memory engine: in the test's own loop, over ASGI or over a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from harness.waiting import until
from pilotfish.backend.proxy.app import create_app
from pilotfish.backend.proxy.bind import listen
from pilotfish.backend.proxy.engines.base import Engine
from pilotfish.backend.proxy.engines.memory import MemoryEngine, MemorySettings
from pilotfish.backend.proxy.serve import ServeOptions, _uvicorn
from pilotfish.backend.proxy.service import Service
from pilotfish.backend.proxy.settings import Settings

COMPLETIONS = "/v1/completions"


@dataclass
class Front:
    """An application, and a client that talks to it."""

    app: FastAPI
    http: httpx.AsyncClient
    url: str = "http://localhost"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def service(self) -> Service:
        """What the application's routes share."""
        service = self.app.state.service
        assert isinstance(service, Service)
        return service

    async def ask(self, path: str = COMPLETIONS, /, **fields: Any) -> httpx.Response:
        """Ask for a completion and return the whole answer, whatever its status."""
        return await self.http.post(path, json=fields, headers=self.headers)

    async def complete(self, path: str = COMPLETIONS, /, **fields: Any) -> dict[str, Any]:
        """Ask for a completion that must succeed."""
        answer = await self.ask(path, **fields)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def text(self, **fields: Any) -> str:
        """The text of a completion's only choice."""
        (choice,) = (await self.complete(**fields))["choices"]
        return str(choice["text"])

    async def chunks(self, path: str = COMPLETIONS, /, **fields: Any) -> list[dict[str, Any]]:
        """The events of a stream that must succeed, without the [DONE] that must end it."""
        answer = await self.ask(path, stream=True, **fields)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        *events, done = read_sse(answer.text)
        assert done == "[DONE]"
        return [json.loads(event) for event in events]


@dataclass
class Proxy(Front):
    """The same, and the in-memory engine behind it."""

    engine: MemoryEngine = field(kw_only=True)


def read_sse(text: str) -> list[str]:
    """The data of each event; every line must be one."""
    *events, rest = text.split("\n\n")
    assert rest == "", "an event ends with an empty line"
    for event in events:
        assert event.startswith("data: "), event
        assert "\n" not in event, event
    return [event.removeprefix("data: ") for event in events]


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error of an answer that must be in OpenAI's envelope, all four fields of it."""
    assert answer.headers["content-type"] == "application/json", answer.text
    body = answer.json()
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    return error


@asynccontextmanager
async def proxy(
    settings: Settings | None = None, *, load: bool = True, **engine: Any
) -> AsyncIterator[Proxy]:
    """The application over ASGI, its engine loaded; `engine` are fields of MemorySettings."""
    memory = MemoryEngine(MemorySettings(**engine))
    app = create_app(settings or Settings(), memory)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
    ):
        made = Proxy(app, http, engine=memory)
        if load:
            await until(lambda: made.service.vitals.state == "ready")
        yield made


@asynccontextmanager
async def served(
    settings: Settings | None = None, options: ServeOptions | None = None, **engine: Any
) -> AsyncIterator[Proxy]:
    """The same behind a real server on a free port."""
    memory = MemoryEngine(MemorySettings(**engine))
    async with serving(settings or Settings(), memory, options) as front:
        made = Proxy(front.app, front.http, front.url, engine=memory)
        await until(lambda: made.service.vitals.state == "ready")
        yield made


@asynccontextmanager
async def serving(
    settings: Settings, engine: Engine, options: ServeOptions | None = None
) -> AsyncIterator[Front]:
    """An application around any engine, behind a real server on a free port; it may still be loading."""
    app = create_app(settings, engine)
    server = _uvicorn(app, options or ServeOptions())
    with listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        task = asyncio.create_task(server.serve(sockets=[listener]))
        limits = httpx.Limits(max_connections=None)
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits, timeout=30) as http:
                await until(lambda: server.started)
                yield Front(app, http, url)
        finally:
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await task
