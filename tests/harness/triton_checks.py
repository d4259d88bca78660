"""How a proxy in front of Triton is asked, and what must hold of it when something goes wrong."""

import asyncio
import json
import time
from typing import Any

import httpx

from harness.proxy import Front, error_of
from harness.triton_models import Event, ScriptedModel

RECOVERY = 2.0
"""Seconds within which the proxy serves again after Triton does."""


async def ask(front: Front, **fields: Any) -> httpx.Response:
    return await front.ask(**{"prompt": "def", "max_tokens": 8, "temperature": 0, **fields})


def asked(model: ScriptedModel) -> list[Event]:
    """The requests that came from `ask`, and not from somebody who wants a sign of life."""
    return [event for event in model.requests() if event.inputs["request_output_len"]["values"] == [8]]


async def check_refused(front: Front, *statuses: int, **fields: Any) -> dict[str, Any]:
    """Ask, streamed and not: each time an error with one of these statuses."""
    for stream in (False, True):
        answer = await ask(front, stream=stream, **fields)
        assert answer.status_code in statuses, answer.text
        if answer.status_code in {429, 503}:
            assert int(answer.headers["retry-after"]) >= 1
        error = error_of(answer)
    return error


async def check_broken_off(front: Front, *codes: str, **fields: Any) -> None:
    """A stream that had begun ends with an error and without [DONE]."""
    answer = await ask(front, stream=True, **fields)
    assert answer.status_code == 200
    *_, last = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert json.loads(last)["error"]["code"] in codes
    assert "[DONE]" not in answer.text


async def check_recovered(front: Front) -> None:
    """Within the time from now on a completion succeeds, and readiness is back."""
    started = time.monotonic()
    while (answer := await ask(front)).status_code != 200:
        assert time.monotonic() - started < RECOVERY, answer.text
        await asyncio.sleep(0.02)
    while (health := await front.http.get("/health/ready")).status_code != 200:
        assert time.monotonic() - started < RECOVERY, health.text
        await asyncio.sleep(0.02)
    assert time.monotonic() - started < RECOVERY
