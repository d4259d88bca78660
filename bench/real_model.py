"""A real model: three real files typed through the language server, which starts its own backend.

The language server's debug log has a JSON object for each backend call: when it was sent, when its first
token and its end came (`time.monotonic()`, the clock that this process reads too), tokens of the prompt and
how many of them came out of the backend's cache. Calls that were closed early have no token counts; the
backend's own counters, which count all calls, stand beside them.
"""

import argparse
import asyncio
import configparser
import json
import os
import re
import textwrap
import time
import types
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from harness.editor import INLINE, Editor
from harness.environment import isolated
from harness.lsp_client import LspClient, Response
from harness.processes import Program
from harness.programs import backend, language_server
from harness.typist import Rhythm, TypingRun, type_text
from scenarios.places import source
from scenarios.report import Row, median, milliseconds, percentile
from scenarios.session import Bench, temporary_home

FILES: tuple[types.ModuleType, ...] = (argparse, configparser, textwrap)
KEYS = 300
RHYTHM = Rhythm(interval=0.15)
SETTLED = 2.0
"""Seconds in a file after which no key may pay for a cold prompt."""
COLD = 64
"""Tokens of a prompt that are evaluated anew in one batch at most; more than that is a cold prefill."""
START_DEADLINE = 180.0
LONG_PROMPT = 8000


@dataclass(frozen=True, slots=True)
class BackendCall:
    """One line of the language server's log."""

    sent: float
    first: float | None
    end: float
    outcome: str
    prompt_tokens: int | None
    cached_tokens: int | None

    @property
    def evaluated(self) -> int | None:
        """Tokens of the prompt that were not in the cache; None where nobody said."""
        if self.prompt_tokens is None or self.cached_tokens is None:
            return None
        return self.prompt_tokens - self.cached_tokens


@dataclass(frozen=True, slots=True)
class Typed:
    """One file's run."""

    opened: float
    run: TypingRun
    answers: tuple[Response, ...]


async def real(bench: Bench) -> list[Row]:
    """Three files, 300 keys each at 150 ms, and what it costs to cancel a cold prompt."""
    rows: list[Row] = []
    async with temporary_home() as home:
        typed, calls, counters = await _type_files(bench, home)
        rows += _typing_rows(typed, calls, counters)
    async with temporary_home() as home:
        rows += await _cancel_in_prefill(bench, home)
    return rows


async def _type_files(bench: Bench, home: Path) -> tuple[list[Typed], list[BackendCall], dict[str, float]]:
    log = home / "pilotfish.log"
    workspace = home / "workspace"
    workspace.mkdir()
    argv = [*language_server(), "--log-file", str(log)]
    client = await LspClient.start(argv, env=_environment(home), cwd=workspace)
    try:
        editor = await _ready(Editor(client, workspace), bench)
        typed = [await _type_file(editor, module) for module in FILES]
        counters = await _counters(home)
    finally:
        # The backend is shared between windows and would stay, in a home that is about to go.
        stop = {"command": "pilotfish.backend.stop"}
        await client.request("workspace/executeCommand", stop).response(60)
        await client.stop()
    return typed, _calls(log), counters


async def _ready(editor: Editor, bench: Bench) -> Editor:
    settings: dict[str, Any] = {"log": {"level": "debug"}, "backend": {"idle_timeout": 120}}
    if bench.model is not None:
        settings["backend"]["model"] = bench.model
    await editor.initialize(options=settings, capabilities=INLINE)
    states = editor.client.received
    await editor.client.wait_for(
        lambda: any(status["state"] in {"ready", "working"} for status in states("pilotfish/status")),
        what="the local backend (is its model here? pilotfish-backend pull)",
        deadline=START_DEADLINE,
    )
    return editor


async def _type_file(editor: Editor, module: types.ModuleType) -> Typed:
    """Type 300 keys of a file in its middle, at the start of a method, with the rest of the file below."""
    text = source(module)
    start = text.index("\n    def ", len(text) // 2) + 1
    keys = keystrokes(text[start:])[:KEYS]
    end = start + sum(map(len, keys))
    opened = time.monotonic()
    document = editor.open(f"{module.__name__}.py", text[:start] + text[end:])
    known = set(editor.client.requests)
    await asyncio.sleep(SETTLED)  # a person looks first
    run = await type_text(editor, document, start, keys, rhythm=RHYTHM, expected=None)
    requests = [request for number, request in editor.client.requests.items() if number not in known]
    editor.close(document)
    return Typed(opened, run, tuple(request.responses[0] for request in requests if request.responses))


def keystrokes(text: str) -> list[str]:
    """Text as keys: Enter brings the next line's indentation along, as editors do."""
    return re.findall(r"\n[ \t]*|.", text)


def _typing_rows(
    typed: Sequence[Typed], calls: Sequence[BackendCall], counters: dict[str, float]
) -> list[Row]:
    served = [_served(call, [answer for each in typed for answer in each.answers]) for call in calls]
    times = [seconds for seconds in served if seconds is not None]
    counted = [call for call in calls if call.prompt_tokens]
    prompt = sum(call.prompt_tokens or 0 for call in counted)
    cached = sum(call.cached_tokens or 0 for call in counted)
    cold = [
        call
        for call in calls
        for each in typed
        if each.opened + SETTLED < call.sent <= each.run.keys[-1].sent + 1 and _is_cold(call)
    ]
    latencies = [
        key.latency for each in typed for key in each.run.keys if key.ghost and key.latency is not None
    ]
    shown = sum(each.run.shown for each in typed)
    note = f"{len(counted)} of {len(calls)} calls say how much"
    rows = [
        Row("real", "call to answer, p50", _ms(times, 0.5), "ms", 100, samples=milliseconds(times)),
        Row("real", "call to answer, p90", _ms(times, 0.9), "ms", 250),
        Row("real", "calls", len(calls), ""),
        Row("real", "calls without an answer", len(calls) - len(times), ""),
        Row(
            "real",
            "prompt tokens from the cache",
            cached / prompt if prompt else None,
            "",
            0.95,
            ">=",
            note=note,
        ),
        Row("real", "cold prefills after 2 s in a file", len(cold), "", 0, "==", note=_describe(cold)),
        Row("real", "shown before the next key", shown, f"of {KEYS * len(typed)}"),
        Row("real", "key to ghost text, p50", _ms(latencies, 0.5), "ms", samples=milliseconds(latencies)),
        Row("real", "key to ghost text, p90", _ms(latencies, 0.9), "ms"),
        Row("real", "invalid or late items", sum(len(each.run.stale) for each in typed), "", 0, "=="),
    ]
    if counters.get("prompt"):
        share = counters.get("cached", 0.0) / counters["prompt"]
        rows.append(Row("real", "the same by the backend's counters, warm-ups included", share))
    return rows


def _served(call: BackendCall, answers: Sequence[Response]) -> float | None:
    """Seconds from the call's start to the first answer with text that came out of it."""
    times = [
        answer.received
        for answer in answers
        if answer.items and call.sent <= answer.received <= call.end + 0.05
    ]
    return min(times) - call.sent if times else None


def _is_cold(call: BackendCall) -> bool:
    if call.evaluated is not None:
        return call.evaluated > COLD
    return call.first is not None and call.first - call.sent > 0.3


def _describe(cold: Sequence[BackendCall]) -> str:
    return ", ".join(f"{call.evaluated} tokens, {(call.end - call.sent) * 1000:.0f} ms" for call in cold[:6])


def _ms(seconds: Sequence[float], share: float) -> float | None:
    return percentile(seconds, share) * 1000 if seconds else None


def _calls(log: Path) -> list[BackendCall]:
    """The completion calls of a debug log, in order; warm-ups are not among them."""
    calls = []
    for line in log.read_text().splitlines():
        brace = line.find("{")
        if '"event": "call"' in line and brace >= 0:
            event = json.loads(line[brace:])
            if event.get("kind", "completion") == "completion":
                calls.append(
                    BackendCall(**{name: event.get(name) for name in BackendCall.__dataclass_fields__})
                )
    return calls


async def _counters(home: Path) -> dict[str, float]:
    """Token counts of the backend that the language server started, by kind; empty when it has none."""
    for record in home.rglob("*.json"):
        fields = json.loads(record.read_text())
        if isinstance(fields, dict) and {"port", "api_key"} <= fields.keys():
            headers = {"authorization": f"Bearer {fields['api_key']}"}
            async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
                text = (await http.get(f"http://127.0.0.1:{fields['port']}/metrics")).text
            found = re.findall(r'^pilotfish_tokens_total\{kind="(\w+)"\} (\S+)', text, re.MULTILINE)
            return {kind: float(value) for kind, value in found}
    return {}


def _environment(home: Path) -> dict[str, str]:
    """A home of its own, but the person's cache, where the model is."""
    environment = isolated(home)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return {**environment, "XDG_CACHE_HOME": cache}


async def _cancel_in_prefill(bench: Bench, home: Path) -> list[Row]:
    """With one slot: a short request after a cancelled long one, against the same on an idle backend."""
    async with _backend(bench, home) as http:
        await _short(http, "warm up")
        idle = median([await _short(http, f"idle {number}") for number in range(5)])
        waits = []
        for number in range(10):
            await _broken_off(http, f"# file {number}\n" + source(textwrap)[:LONG_PROMPT])
            waits.append(await _short(http, f"after {number}") - idle)
    return [
        Row(
            "real",
            "cancel in prefill to slot free, p50",
            median(waits) * 1000,
            "ms",
            250,
            samples=milliseconds(waits),
        ),
        Row("real", "slowest", max(waits) * 1000, "ms"),
    ]


@asynccontextmanager
async def _backend(bench: Bench, home: Path) -> AsyncIterator[httpx.AsyncClient]:
    state = home / "backend.json"
    argv = [*backend(), "serve", "--port", "0", "--parallel", "1", "--state-file", str(state)]
    argv += ["--log-file", str(home / "backend.log")]
    argv += [] if bench.model is None else ["--model", bench.model]
    program = Program(argv, env=_environment(home))
    process = program.launch()
    try:
        async with asyncio.timeout(START_DEADLINE):
            while not state.exists():
                assert process.poll() is None, "the backend did not start"
                await asyncio.sleep(0.05)
        fields = json.loads(state.read_text())
        headers = {"authorization": f"Bearer {fields['api_key']}"} if fields.get("api_key") else {}
        url = f"http://127.0.0.1:{fields['port']}"
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
            async with asyncio.timeout(START_DEADLINE):
                while (await http.get("/health/ready")).status_code != 200:
                    assert process.poll() is None, "the backend did not load its model"
                    await asyncio.sleep(0.05)
            yield http
    finally:
        await asyncio.to_thread(program.stop)


async def _short(http: httpx.AsyncClient, prompt: str) -> float:
    """Seconds until the first byte of text of a tiny request."""
    began = time.monotonic()
    answer = await http.post("/v1/completions", json={"prompt": prompt, "max_tokens": 1})
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


async def _broken_off(http: httpx.AsyncClient, prompt: str) -> None:
    """A long prompt whose client goes 100 ms after it was sent, in the middle of its evaluation."""
    body = {"prompt": prompt, "max_tokens": 16, "stream": True, "truncate": "left"}
    post = asyncio.create_task(_drain(http, body))
    await asyncio.sleep(0.1)
    post.cancel()
    await asyncio.gather(post, return_exceptions=True)


async def _drain(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    async with http.stream("POST", "/v1/completions", json=body) as response:
        async for _ in response.aiter_raw():
            pass
