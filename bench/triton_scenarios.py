"""What the proxy in front of Triton is measured by, each against Triton alone in the same run."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psutil

import harness
from harness.backend_process import BackendProcess
from harness.codegen_tokenizer import codegen_tokenizer_json
from harness.triton import TritonProcess
from harness.triton_models import MODEL_NAME, Event, ScriptedModel, Shape
from harness.waiting import until
from scenarios.report import Row, median, milliseconds, percentile
from triton_clients import TOKEN, Answer, Connection, Direct, Proxied, Target, fields, together

PROBE = Path(harness.__file__).with_name("health_probe.py")
STREAMS = 16


@dataclass
class Scene:
    """A Triton, its scripted model, and the two ways to it."""

    model: ScriptedModel
    triton: TritonProcess
    backend: BackendProcess
    direct: Direct
    proxied: Proxied
    quick: bool
    keys: Any
    """Numbers that no request has had yet."""

    @property
    def port(self) -> int:
        """The proxy's port."""
        return int(self.backend.state["port"])

    def script(self, **script: Any) -> None:
        """Behave so from now on, and forget what was."""
        self.model.script(**{"tokens": [TOKEN], **script})
        self.model.forget()

    def health(self) -> dict[str, Any]:
        """What the proxy says of itself."""
        with self.backend.client() as client:
            health: dict[str, Any] = client.get("/health").json()
        return health


@asynccontextmanager
async def scene(
    folder: Path, *, config_name: str | None = None, instances: int = 1, quick: bool = False
) -> AsyncIterator[Scene]:
    """Start everything, the proxy with a queue that is long enough for all clients."""
    model = ScriptedModel(folder / "models", Shape(instances=instances))
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(codegen_tokenizer_json(), "utf-8")
    with TritonProcess(model.repository, config_name=config_name) as triton:
        options = ["--triton-url", triton.url, "--triton-model", MODEL_NAME, "--tokenizer", str(tokenizer)]
        with BackendProcess(folder, *options, "--queue", "64", engine="triton") as backend:
            proxied = Proxied(int(backend.state["port"]))
            async with Direct(triton.url) as direct:
                made = Scene(model, triton, backend, direct, proxied, quick, count(1000))
                await until(lambda: made.health()["state"] == "ready", seconds=20)
                try:
                    yield made
                finally:
                    proxied.close()


async def eight(folder: Path, *, quick: bool) -> list[Row]:
    """Eight clients, one request after the other, on a model that takes 200 ms."""
    async with scene(folder, instances=8, quick=quick) as made:
        made.script(seconds_before=0.2)
        rates = {}
        for target in (made.direct, made.proxied):
            counts, _ = await clients(made, target, 8)
            rates[target.name] = sum(counts) / seconds(made)
        return [
            Row("8 clients", "requests/s, proxy (ideal 40)", rates["proxy"], "/s", 38, ">="),
            Row("8 clients", "requests/s, direct gRPC", rates["direct gRPC"], "/s"),
        ]


async def sixty_four(folder: Path, *, quick: bool) -> list[Row]:
    """The same with 64 clients, and somebody who asks for /health all the time."""
    async with scene(folder, instances=8, quick=quick) as made:
        made.script(seconds_before=0.2)
        probe = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", str(PROBE), "127.0.0.1", str(made.port)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            counts, waits = await clients(made, made.proxied, 64)
            out, _ = await asyncio.wait_for(probe.communicate(b""), 20)
        finally:
            if probe.returncode is None:
                probe.kill()
                await probe.wait()
        health = json.loads(out)["milliseconds"]
        return [
            Row("64 clients", "requests/s, proxy (ideal 40)", sum(counts) / seconds(made), "/s", 38, ">="),
            Row("64 clients", "answers, most served less least", float(max(counts) - min(counts)), "", 2),
            Row("64 clients", "longest answer over median", max(waits) / median(waits), "", 2.0),
            Row("64 clients", "/health, slowest", max(health), "ms", 50, samples=tuple(health)),
            Row("64 clients", "/health, p50", median(health), "ms"),
        ]


def seconds(made: Scene) -> float:
    """How long clients ask."""
    return 4.0 if made.quick else 12.0


async def clients(made: Scene, target: Target, number: int) -> tuple[list[int], list[float]]:
    """How many answers each client got in the time, and how long each answer took."""
    end = time.monotonic() + seconds(made)
    waits: list[float] = []

    async def client() -> int:
        served = 0
        while time.monotonic() < end:
            answer = await target.whole(next(made.keys), 4)
            waits.append(answer.seconds)
            served += answer.ended <= end
        return served

    return await asyncio.gather(*(client() for _ in range(number))), waits


async def overhead(folder: Path, *, quick: bool) -> list[Row]:
    """From the model's sending of a token to the client's having it, 20 ms a token, one stream and sixteen."""
    rows = []
    async with scene(folder, config_name="decoupled", quick=quick) as made:
        made.script(seconds_per_token=0.02)
        for streams in (1, STREAMS):
            delays: dict[str, list[float]] = {"proxy": [], "direct gRPC": []}
            firsts: dict[str, list[float]] = {"proxy": [], "direct gRPC": []}
            for _ in range(2 if quick else 6):
                for target in (made.direct, made.proxied):
                    keys = [next(made.keys) for _ in range(streams)]
                    answers, _ = await together(target, keys, 50)
                    delays[target.name] += await token_delays(made, answers)
                    firsts[target.name] += [answer.received[0] - answer.started for answer in answers]
            name = f"overhead, {streams} stream{'s' if streams > 1 else ''}"
            difference = [median(delays[one]) * 1000 for one in ("proxy", "direct gRPC")]
            rows += [
                Row(name, "of a token, p50", difference[0] - difference[1], "ms", 2.0),
                *(
                    Row(name, f"token to client, {one}, p50", median(delays[one]) * 1000, "ms")
                    for one in delays
                ),
                *(
                    Row(name, f"token to client, {one}, p95", percentile(delays[one], 0.95) * 1000, "ms")
                    for one in delays
                ),
                *(Row(name, f"first token, {one}, p50", median(firsts[one]) * 1000, "ms") for one in firsts),
            ]
    return rows


async def token_delays(made: Scene, answers: list[Answer]) -> list[float]:
    """Seconds that each token of some answers was under way."""
    ends = await ends_of(made, [answer.key for answer in answers])
    pairs = ((answer.received, ends[answer.key].sent) for answer in answers)
    return [got - sent for received, sending in pairs for got, sent in zip(received, sending, strict=True)]


async def ends_of(made: Scene, keys: list[int]) -> dict[int, Event]:
    """The model's record of the ends of some requests, by their keys."""
    found: dict[int, Event] = {}

    def look() -> bool:
        waiting: dict[tuple[int, int], int] = {}
        for event in made.model.events():
            if event.event == "request":
                waiting[event.pid, event.serial] = int(event.inputs["input_ids"]["values"][0])
            elif (event.pid, event.serial) in waiting:
                found[waiting[event.pid, event.serial]] = event
        return all(key in found for key in keys)

    await until(look)
    return found


async def throughput(folder: Path, *, quick: bool) -> list[Row]:
    """Tokens per second of sixteen streams, at 20 ms a token and at once, in turns with direct gRPC."""
    rows = []
    async with scene(folder, config_name="decoupled", quick=quick) as made:
        for per_token, tokens, target_share in ((0.02, 100, 0.9), (0.0, 100, None)):
            made.script(seconds_per_token=per_token)
            rates: dict[str, list[float]] = {"proxy": [], "direct gRPC": []}
            for _ in range(2 if quick else 5):
                for target in (made.direct, made.proxied):
                    keys = [next(made.keys) for _ in range(STREAMS)]
                    _, took = await together(target, keys, tokens)
                    rates[target.name].append(STREAMS * tokens / took)
            pairs = zip(rates["proxy"], rates["direct gRPC"], strict=True)
            share = statistics.median(one / other for one, other in pairs)
            name = f"{STREAMS} streams, {1000 * per_token:.0f} ms a token"
            rows.append(Row(name, "proxy over direct", share, "", target_share, ">="))
            rows += [
                Row(name, f"tokens/s, {one}", median(values), "/s", samples=tuple(values))
                for one, values in rates.items()
            ]
    return rows


async def cancel(folder: Path, *, quick: bool) -> list[Row]:
    """From a client's hanging up to the model's seeing it; the model looks every 5 ms."""
    rows = []
    samples = 10 if quick else 40
    for name, config_name in (("unary", None), ("decoupled", "decoupled")):
        async with scene(folder / name, config_name=config_name, instances=2, quick=quick) as made:
            made.script(seconds_per_token=0.05)
            delays = [await hang_up(made, stream=config_name is not None) for _ in range(samples)]
            rows += [
                Row(f"cancel, {name}", "hung up to seen, p50", median(delays) * 1000, "ms"),
                Row(
                    f"cancel, {name}",
                    "hung up to seen, slowest",
                    max(delays) * 1000,
                    "ms",
                    50,
                    samples=milliseconds(delays),
                ),
            ]
    return rows


async def hang_up(made: Scene, *, stream: bool) -> float:
    """Close the connection of one request that the model is at work on; seconds until it knows."""
    made.model.forget()
    key = next(made.keys)
    connection = await Connection.open(made.port)
    asked = asyncio.create_task(connection.ask(fields(key, 200, stream=stream)))
    try:
        await until(lambda: [event for event in made.model.requests() if asks(event, key)])
        if stream:
            await asked
            await anext(connection.events())
        gone = time.monotonic()
        connection.close()
        await until(lambda: made.model.ends("cancelled"))
    finally:
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    return made.model.ends("cancelled")[0].at - gone


def asks(request: Event, key: int) -> bool:
    """Whether a request is that with a key; the proxy's own probes are not."""
    return bool(request.inputs["input_ids"]["values"][0] == key)


async def thousand(folder: Path, *, quick: bool) -> list[Row]:
    """A thousand streams that are closed after their first token, and what is left of them."""
    number = 200 if quick else 1000
    async with scene(folder, config_name="decoupled", quick=quick) as made:
        made.script(seconds_per_token=0.01)
        process = psutil.Process(made.backend.state["pid"])
        await leave(made, 100)  # what is made once is made now
        await until(lambda: len(made.model.ends()) == len(made.model.requests()))
        before = (process.memory_info().rss / 2**20, process.num_fds(), process.num_threads())
        made.model.forget()
        await leave(made, number)
        await until(lambda: (made.health()["running"], made.health()["waiting"]) == (0, 0))
        await until(lambda: len(made.model.ends()) >= len(made.model.requests()))
        unended = len(made.model.requests()) - len(made.model.ends())
        after = (process.memory_info().rss / 2**20, process.num_fds(), process.num_threads())
        return [
            Row("cancelled requests", "sent to the model", float(len(made.model.requests()))),
            Row("cancelled requests", "still running in the model", float(unended), "", 0, "=="),
            Row("cancelled requests", "files that stay open", float(after[1] - before[1]), "", 2),
            Row("cancelled requests", "threads that stay", float(after[2] - before[2]), "", 0),
            Row("cancelled requests", "memory that stays", after[0] - before[0], "MB", 5),
        ]


async def leave(made: Scene, number: int) -> None:
    """Ask for streams, 32 at a time, and hang up at the first token."""
    gate = asyncio.Semaphore(32)

    async def one() -> None:
        async with gate:
            connection = await Connection.open(made.port)
            try:
                await connection.ask(fields(next(made.keys), 200, stream=True))
                await anext(connection.events())
            finally:
                connection.close()

    await asyncio.gather(*(one() for _ in range(number)))


Scenario = Callable[..., Coroutine[Any, Any, list[Row]]]
SCENARIOS: Mapping[str, Scenario] = {
    "eight": eight,
    "sixty-four": sixty_four,
    "overhead": overhead,
    "throughput": throughput,
    "cancel": cancel,
    "thousand": thousand,
}
"""By name, in the order of the table."""
