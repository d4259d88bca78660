"""64 clients at once before two slots: every answer is honest, health is quick, memory stays flat."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil

import harness
from harness.backend_process import BackendProcess

CLIENTS = 64
ROUNDS = 6
HEALTH_MS = 50
# The bar is for the server; a machine on which others work as well pauses everybody.
FORGIVEN = 0.02 if os.getloadavg()[0] < (os.cpu_count() or 1) / 2 else 0.3
PROBE = Path(harness.__file__).with_name("health_probe.py")


async def storm(url: str) -> Counter[int]:
    """All clients ask again and again, a third of them streaming, a few leaving early; their answers' statuses."""
    statuses: Counter[int] = Counter()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=CLIENTS)

    async def client(http: httpx.AsyncClient, number: int) -> None:
        for _ in range(ROUNDS):
            fields = {"prompt": f"client {number}", "max_tokens": 8, "stream": number % 3 == 0}
            if number % 16 == 5:
                try:
                    await http.post("/v1/completions", json=fields, timeout=0.05)
                except httpx.TimeoutException:
                    continue
            answer = await http.post("/v1/completions", json=fields)
            statuses[answer.status_code] += 1
            check_honest(answer, stream=number % 3 == 0)

    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, limits=limits) as http:
        await asyncio.gather(*(client(http, number) for number in range(CLIENTS)))
    return statuses


def check_honest(answer: httpx.Response, *, stream: bool) -> None:
    """A whole answer, or a refusal that says when to come back."""
    if answer.status_code == 200:
        assert answer.text.endswith("data: [DONE]\n\n") if stream else answer.json()["choices"]
    else:
        assert answer.status_code in {429, 503}
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"]["code"] in {"queue_full", "overloaded"}


def test_64_clients_before_two_slots(tmp_path: Path) -> None:
    """Only 200, 429 and 503 with Retry-After; /health within 50 ms; later storms need no more memory."""
    with BackendProcess(tmp_path) as backend:
        assert backend.process is not None
        process = psutil.Process(backend.process.pid)
        probe = subprocess.Popen(
            [sys.executable, "-P", str(PROBE), "127.0.0.1", str(backend.state["port"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        sizes, statuses = [], Counter[int]()
        for _ in range(3):
            statuses += asyncio.run(storm(backend.url))
            sizes.append(process.memory_info().rss / 2**20)
        out, _ = probe.communicate(timeout=10)
        measured: dict[str, Any] = json.loads(out)
        took = sorted(measured["milliseconds"])
        print(f"answers {dict(statuses)}; RSS after each storm {[round(size, 1) for size in sizes]} MB")
        print(
            f"/health x{len(took)}: p50 {took[len(took) // 2]:.1f} ms, p99 {took[len(took) * 99 // 100]:.1f} ms,"
        )
        print(f"most {took[-1]:.1f} ms")
        assert statuses[200] > 0
        assert statuses[429] > 0, "64 clients do not fit two slots and a queue of 32"
        assert measured["statuses"] == [200]
        assert sum(milliseconds > HEALTH_MS for milliseconds in took) <= 1 + FORGIVEN * len(took)
        assert sizes[-1] - sizes[0] < 10
        with backend.client() as client:
            health = client.get("/health").json()
        assert (health["running"], health["waiting"]) == (0, 0)
