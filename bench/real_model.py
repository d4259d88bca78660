"""A real model: real files typed through the language server, which starts its own backend.

The language server's debug log has a JSON object for each backend call: when it was sent, when its first token and its
end came (`time.monotonic()`, the clock that this process reads too), tokens of the prompt and how many of them came out
of the backend's cache. Calls that were closed early have no token counts; the backend's own counters, which count all
calls, stand beside them.
"""

import argparse
import asyncio
import configparser
import json
import re
import textwrap
import types
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from harness.conduct import popups
from harness.editor import Editor
from harness.lsp_client import LspClient, Response
from harness.programs import language_server
from harness.typist import Rhythm, TypingRun, type_text
from scenarios.places import source
from scenarios.real_backend import START_DEADLINE, environment
from scenarios.report import Row, milliseconds, percentile
from scenarios.session import Bench, temporary_home

LOOKING = 2.0
"""Seconds between opening a file and the first key."""
SETTLED = 2.0
"""Seconds after the first key in a file, which is when a language server learns where in it the person is, after which
no key may pay for a cold prompt."""
COLD = 64
"""Tokens of a prompt that one batch evaluates; a call that needs more pays for a cold prefill."""
SLOW_FIRST_TOKEN = 0.3
"""Seconds to a first token that a cold prompt may explain, for calls that nobody counted; so may a busy machine."""
LAG = 0.05
"""Seconds by which an answer may follow the end of its call."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is typed: so many keys of a file, beginning at a function in its middle."""

    module: types.ModuleType
    keys: int
    interval: float


THREE_FILES = tuple(Script(module, 300, 0.15) for module in (argparse, configparser, textwrap))
LONG_FILE = (Script(argparse, 1500, 0.08),)
"""Long enough for the prompt's window to overflow and to be cut anew."""


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
    def evaluated(self) -> int:
        """Tokens of the prompt that were not in the cache; 0 where nobody counted."""
        return (self.prompt_tokens or 0) - (self.cached_tokens or 0)


@dataclass(frozen=True, slots=True)
class Typed:
    """What came of a script: the run, every answer, and the backend calls made meanwhile."""

    run: TypingRun
    answers: tuple[Response, ...]
    calls: tuple[BackendCall, ...]

    @property
    def began(self) -> float:
        """When the first key was sent."""
        return self.run.keys[0].sent

    @property
    def settled(self) -> list[BackendCall]:
        """The calls after the first two seconds of typing."""
        return [call for call in self.calls if call.sent > self.began + SETTLED]


async def real(bench: Bench) -> list[Row]:
    """Three files, 300 keys each at 150 ms."""
    return await _scenario("real", bench, THREE_FILES)


async def real_long(bench: Bench) -> list[Row]:
    """1500 keys in one file at 80 ms, so that the prompt's window has to be cut anew."""
    return await _scenario("real-long", bench, LONG_FILE)


async def _scenario(name: str, bench: Bench, scripts: Sequence[Script]) -> list[Row]:
    async with temporary_home() as home:
        typed, counters = await _type(bench, home, scripts)
    return [*_latency_rows(name, typed), *_cache_rows(name, typed, counters), *_shown_rows(name, typed)]


async def _type(bench: Bench, home: Path, scripts: Sequence[Script]) -> tuple[list[Typed], dict[str, float]]:
    log, workspace = home / "pilotfish.log", home / "workspace"
    workspace.mkdir()
    argv = [*language_server(), "--log-file", str(log)]
    client = await LspClient.start(argv, env=environment(home), cwd=workspace)
    try:
        editor = await _ready(Editor(client, workspace), bench)
        typed = [await _type_file(editor, script, log) for script in scripts]
        counters = await _counters(home)
    finally:
        # The backend is shared between windows and would stay, in a home that is about to go.
        stop = {"command": "pilotfish.backend.stop"}
        await client.request("workspace/executeCommand", stop).response(60)
        await client.stop()
    return typed, counters


async def _ready(editor: Editor, bench: Bench) -> Editor:
    settings: dict[str, Any] = {"log": {"level": "debug"}, "backend": {"idle_timeout": 120}}
    if bench.model is not None:
        settings["backend"]["model"] = bench.model
    await editor.initialize(options=settings)
    try:
        await editor.ready(START_DEADLINE)
    except AssertionError as error:
        told = editor.client.received("pilotfish/status") + popups(editor.client)
        said = [each["message"] for each in told][-3:]
        message = f"{error}; the server said {said}. Is the model here? pilotfish-backend pull"
        raise AssertionError(message) from None
    return editor


async def _type_file(editor: Editor, script: Script, log: Path) -> Typed:
    """Type a script with the rest of the file below."""
    text = source(script.module)
    start = text.index("\n    def ", len(text) // 2) + 1
    keys = keystrokes(text[start:])[: script.keys]
    # The rest of the last line goes too: with words right of the cursor nobody asks for completions.
    end = text.index("\n", start + sum(map(len, keys)))
    document = editor.open(f"{script.module.__name__}.py", text[:start] + text[end:])
    known = set(editor.client.requests)
    await asyncio.sleep(LOOKING)
    run = await type_text(
        editor, document, start, keys, rhythm=Rhythm(interval=script.interval), expected=None
    )
    await asyncio.sleep(1)  # for calls that are kept a moment, and for their lines in the log
    editor.close(document)
    requests = [request for number, request in editor.client.requests.items() if number not in known]
    calls = [call for call in _calls(log) if call.sent >= run.keys[0].sent]
    return Typed(run, tuple(answer for request in requests for answer in request.responses), tuple(calls))


def keystrokes(text: str) -> list[str]:
    """Text as keys: Enter brings the next line's indentation along, as editors do."""
    return re.findall(r"\n[ \t]*|.", text)


def _latency_rows(name: str, typed: Sequence[Typed]) -> list[Row]:
    served = [_served(call, each.answers) for each in typed for call in each.calls]
    times = [seconds for seconds in served if seconds is not None]
    keys = [key for each in typed for key in each.run.keys]
    shown = [key.latency for key in keys if key.ghost and key.latency is not None]
    return [
        Row(name, "call to answer, p50", _ms(times, 0.5), "ms", 100, samples=milliseconds(times)),
        Row(name, "call to answer, p90", _ms(times, 0.9), "ms", 250),
        Row(name, "key to ghost text, p50", _ms(shown, 0.5), "ms", samples=milliseconds(shown)),
        Row(name, "key to ghost text, p90", _ms(shown, 0.9), "ms"),
        Row(name, "calls", len(served)),
        Row(name, "calls without an answer", len(served) - len(times)),
    ]


def _cache_rows(name: str, typed: Sequence[Typed], counters: dict[str, float]) -> list[Row]:
    calls = [call for each in typed for call in each.calls]
    counted = [call for call in calls if call.prompt_tokens]
    prompt = sum(call.prompt_tokens or 0 for call in counted)
    share = sum(call.cached_tokens or 0 for call in counted) / prompt if prompt else None
    all_calls = counters["cached"] / counters["prompt"] if counters.get("prompt") else None
    settled = [call for each in typed for call in each.settled]
    cold = [call for call in settled if call.evaluated > COLD]
    slow = [call for call in settled if call.first is not None and call.first - call.sent > SLOW_FIRST_TOKEN]
    early = [call.evaluated for call in calls if call not in settled and call.evaluated > COLD]
    note = f"{len(counted)} of {len(calls)} calls say how much"
    return [
        Row(name, "prompt tokens from the cache", share, "", 0.95, ">=", note=note),
        Row(name, "the same by the backend's counters", all_calls, note="warm-ups and first calls included"),
        Row(name, "cold prefills after 2 s of typing", len(cold), "", 0, "==", note=_describe(cold)),
        Row(name, "first tokens later than 300 ms, after 2 s", len(slow)),
        Row(name, "cold prefills in the first 2 s", len(early), note=f"{early} tokens"),
        Row(name, "windows that were cut anew", sum(_recuts(each.calls) for each in typed)),
    ]


def _shown_rows(name: str, typed: Sequence[Typed]) -> list[Row]:
    keys = [key for each in typed for key in each.run.keys]
    wrong = [key.wrong for key in keys if key.wrong]
    return [
        Row(name, "shown before the next key", sum(each.run.shown for each in typed), f"of {len(keys)}"),
        Row(name, "items that an editor cannot show", len(wrong), "", 0, "==", note="; ".join(wrong)[:300]),
        Row(name, "items for a replaced text", sum(key.late for key in keys)),
    ]


def _served(call: BackendCall, answers: Sequence[Response]) -> float | None:
    """Seconds from the call's start to the first answer with text that came out of it."""
    span = (answer.received for answer in answers if answer.items and answer.received >= call.sent)
    first = min(span, default=float("inf"))
    return first - call.sent if first <= call.end + LAG else None


def _describe(cold: Sequence[BackendCall]) -> str:
    return ", ".join(f"{call.evaluated} of {call.prompt_tokens} tokens" for call in cold[:6])


def _recuts(calls: Sequence[BackendCall]) -> int:
    """How often a prompt was much shorter than the one before: its window had overflowed."""
    counts = [call.prompt_tokens for call in calls if call.prompt_tokens]
    return sum(after < 0.85 * before for before, after in pairwise(counts))


def _ms(seconds: Sequence[float], share: float) -> float | None:
    return percentile(seconds, share) * 1000 if seconds else None


def _calls(log: Path) -> list[BackendCall]:
    """The completion calls of a debug log, in order; warm-ups are not among them."""
    calls = []
    names = [each.name for each in fields(BackendCall)]
    for line in log.read_text().splitlines():
        brace = line.find("{")
        if brace >= 0 and '"event": "call"' in line:
            event = json.loads(line[brace:])
            calls.append(BackendCall(**{name: event.get(name) for name in names}))
    return calls


async def _counters(home: Path) -> dict[str, float]:
    """Token counts of the backend that the language server started, by kind; empty when it has none."""
    for record in home.rglob("*.json"):
        content = json.loads(record.read_text())
        if isinstance(content, dict) and {"port", "api_key"} <= content.keys():
            headers = {"authorization": f"Bearer {content['api_key']}"}
            async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
                text = (await http.get(f"http://127.0.0.1:{content['port']}/metrics")).text
            found = re.findall(r'^pilotfish_tokens_total\{kind="(\w+)"\} (\S+)', text, re.MULTILINE)
            return {kind: float(value) for kind, value in found}
    return {}
