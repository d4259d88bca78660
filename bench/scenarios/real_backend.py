"""A real backend by itself: what it costs when a client goes in the middle of a long prompt."""

import asyncio
import json
import os
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from harness.environment import isolated
from harness.processes import Program
from harness.programs import backend
from scenarios.places import source
from scenarios.report import Row, median, milliseconds
from scenarios.session import Bench, temporary_home

START_DEADLINE = 180.0
LONG_PROMPT = 8000
"""Characters of a prompt whose evaluation takes seconds on two cores."""
INTO_PREFILL = 0.1
"""Seconds after which the client goes."""


def environment(home: Path) -> dict[str, str]:
    """A home of its own, but the person's cache, where the model is."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return {**isolated(home), "XDG_CACHE_HOME": cache}


async def cancel_in_prefill(bench: Bench) -> list[Row]:
    """With one slot: a short request right after a cancelled long one, against the same on an idle backend."""
    waits = []
    async with temporary_home() as home, _backend(bench, home) as http:
        await _short(http, "warm up")
        for number in range(10):
            idle = await _short(http, f"idle {number}")
            await _broken_off(http, f"# file {number}\n" + source(textwrap)[:LONG_PROMPT])
            waits.append(await _short(http, f"after {number}") - idle)
    what = "cancel in prefill to slot free"
    return [
        Row("real-cancel", f"{what}, p50", median(waits) * 1000, "ms", samples=milliseconds(waits)),
        Row("real-cancel", f"{what}, slowest", max(waits) * 1000, "ms", 250),
    ]


@asynccontextmanager
async def _backend(bench: Bench, home: Path) -> AsyncIterator[httpx.AsyncClient]:
    state = home / "backend.json"
    argv = [*backend(), "serve", "--port", "0", "--parallel", "1", "--state-file", str(state)]
    argv += ["--log-file", str(home / "backend.log")]
    argv += [] if bench.model is None else ["--model", bench.model]
    program = Program(argv, env=environment(home))
    process = program.launch()
    try:
        async with asyncio.timeout(START_DEADLINE):
            while not state.exists():
                assert process.poll() is None, "the backend did not start"
                await asyncio.sleep(0.05)
        content = json.loads(state.read_text())
        headers = {"authorization": f"Bearer {content['api_key']}"} if content.get("api_key") else {}
        url = f"http://127.0.0.1:{content['port']}"
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
            async with asyncio.timeout(START_DEADLINE):
                while (await http.get("/health/ready")).status_code != 200:
                    assert process.poll() is None, "the backend did not load its model"
                    await asyncio.sleep(0.05)
            yield http
    finally:
        await asyncio.to_thread(program.stop)


async def _short(http: httpx.AsyncClient, prompt: str) -> float:
    """Seconds for one token after a prompt of a few."""
    began = time.monotonic()
    answer = await http.post("/v1/completions", json={"prompt": prompt, "max_tokens": 1})
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


async def _broken_off(http: httpx.AsyncClient, prompt: str) -> None:
    """A long prompt whose client goes in the middle of its evaluation."""
    body = {"prompt": prompt, "max_tokens": 16, "stream": True}
    post = asyncio.create_task(_read(http, body))
    await asyncio.sleep(INTO_PREFILL)
    assert not post.done(), "the long request was over before it could be cancelled"
    post.cancel()
    await asyncio.gather(post, return_exceptions=True)


async def _read(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    async with http.stream("POST", "/v1/completions", json=body) as response:
        async for _ in response.aiter_raw():
            pass
