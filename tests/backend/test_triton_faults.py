"""What goes wrong between the proxy and a real Triton, fault by fault: the right status each, and never a 200.

Whatever it was, two seconds after Triton is well again so is the proxy.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from harness.proxy import COMPLETIONS, Front, error_of
from harness.triton import TritonProcess
from harness.triton_checks import ask, asked, check_broken_off, check_recovered, check_refused
from harness.triton_models import GARBAGE, MODEL_NAME, ScriptedModel, Shape
from harness.triton_proxy import triton_proxy
from harness.waiting import until
from pilotfish.backend.proxy.settings import Limits, Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")
one_kind = pytest.mark.parametrize("running_team", ["decoupled"], indirect=True)
"""For faults at which it makes no difference what kind the model is of."""


@dataclass(frozen=True)
class Team:
    """A Triton and its model."""

    kind: str
    model: ScriptedModel
    triton: TritonProcess

    @property
    def stream(self) -> bool:
        return self.kind == "decoupled"


@pytest.fixture(scope="module", params=["unary", "decoupled"])
def running_team(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """One Triton of each kind for the module."""
    model = ScriptedModel(tmp_path_factory.mktemp(request.param) / "models", Shape(instances=2))
    config_name = "decoupled" if request.param == "decoupled" else None
    with TritonProcess(model.repository, config_name=config_name, control=True) as triton:
        yield Team(request.param, model, triton)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_front(running_team: Team, tokenizer_file: Path) -> AsyncIterator[Front]:
    """One proxy in front of each: what one test did to it must not harm the next."""
    async with triton_proxy(running_team.triton.url, tokenizer=tokenizer_file) as made:
        yield made


@pytest.fixture
def team(running_team: Team) -> Team:
    """Triton, well and with an empty record."""
    running_team.model.script()
    if not running_team.triton.answers(f"/v2/models/{MODEL_NAME}/ready"):
        running_team.triton.restart()  # the test before has failed halfway
    running_team.model.forget()
    return running_team


@pytest.fixture
def front(running_front: Front, team: Team) -> Front:
    """The proxy in front of it."""
    assert team.model.requests() == []
    return running_front


async def unready(front: Front) -> dict[str, Any]:
    """Wait until readiness is gone; what it says."""
    async with asyncio.timeout(5):
        while (health := await front.http.get("/health/ready")).status_code == 200:
            await asyncio.sleep(0.02)
    body: dict[str, Any] = health.json()
    return body


async def test_all_is_well(front: Front, team: Team) -> None:
    """Streamed or not, the text is the model's, in as many chunks as it gives."""
    assert await front.text(prompt="def", max_tokens=4, temperature=0) == "def print\ndef"
    chunks = await front.chunks(prompt="def", max_tokens=4, temperature=0)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "def print\ndef"
    assert len(chunks) > 2 if team.stream else chunks


async def test_triton_is_killed_and_restarted(front: Front, team: Team) -> None:
    """What runs ends with a 503, or its stream with an error; so does what comes, until Triton is back."""
    team.model.script(seconds_before=0.1, seconds_per_token=1)
    running = asyncio.create_task(ask(front))
    await until(lambda: asked(team.model))
    await asyncio.to_thread(team.triton.kill)
    assert (await running).status_code == 503
    error = await check_refused(front, 503)
    assert error["code"] == "engine_unavailable"
    assert team.triton.url in error["message"]
    assert team.triton.url in (await unready(front))["detail"]
    team.model.script()
    await asyncio.to_thread(team.triton.start)
    await check_recovered(front)


@one_kind
async def test_triton_is_away_for_longer(front: Front, team: Team) -> None:
    """However long it was away, and however often it was asked for meanwhile, it is found again at once."""
    await asyncio.to_thread(team.triton.kill)
    async with asyncio.timeout(10):
        started = time.monotonic()
        while time.monotonic() - started < 2:
            assert (await ask(front)).status_code == 503
            await asyncio.sleep(0.1)
    await asyncio.to_thread(team.triton.start)
    await check_recovered(front)


@one_kind
async def test_the_stub_is_killed(front: Front, team: Team) -> None:
    """Triton still calls itself ready; we don't, since no token comes."""
    await asyncio.to_thread(team.triton.kill_stubs)
    await check_refused(front, 500, 503)
    assert team.triton.answers(f"/v2/models/{MODEL_NAME}/ready")
    await unready(front)
    await asyncio.to_thread(team.triton.restart)
    await check_recovered(front)


async def test_the_stub_dies_in_the_middle(front: Front, team: Team) -> None:
    """An answer is not cut short as though it were whole."""
    team.model.script(fault="crash", fault_after=3)
    answer = await ask(front)
    assert answer.status_code in {500, 503}
    error_of(answer)
    team.model.script()
    await asyncio.to_thread(team.triton.restart)
    await check_recovered(front)


@one_kind
async def test_the_model_is_unloaded(front: Front, team: Team) -> None:
    """A server without its model is none: 503 that names it, until it is loaded again."""
    await asyncio.to_thread(team.triton.unload, MODEL_NAME)
    assert MODEL_NAME in (await check_refused(front, 503))["message"]
    assert MODEL_NAME in (await unready(front))["detail"]
    await until(lambda: [entry["state"] for entry in team.triton.index()] == ["UNAVAILABLE"])
    await check_refused(front, 503)
    await asyncio.to_thread(team.triton.load, MODEL_NAME)
    await check_recovered(front)


@pytest.mark.parametrize("fault", [fault for fault in GARBAGE if fault != "nan"])
async def test_garbage_tensors(front: Front, team: Team, fault: str) -> None:
    """Tensors that can't be a completion make no text; the next good ones do."""
    team.model.script(fault=fault)
    # The second time it may be known already that no sense comes from there.
    assert "Triton's model gave" in (await check_refused(front, 500, 503))["message"]
    team.model.script()
    await check_recovered(front)


async def test_garbage_log_probabilities(front: Front, team: Team) -> None:
    """A log-probability that is no number is an error, and only for who asked for it."""
    team.model.script(fault="nan")
    await check_refused(front, 500, 503, logprobs=0)
    assert (await ask(front)).status_code == 200


async def test_garbage_in_the_middle(front: Front, team: Team) -> None:
    """What was streamed before stays; the stream then ends with an error."""
    team.model.script(fault="unknown ids", fault_after=4)
    if team.stream:
        await check_broken_off(front, "engine_error")
    else:
        await check_refused(front, 500, 503)
    team.model.script()
    await check_recovered(front)


async def test_the_model_fails(front: Front, team: Team) -> None:
    """Triton's own error is one that says it, or the error that ends a stream."""
    team.model.script(fault="error")
    assert "told to fail" in (await check_refused(front, 500, 503))["message"]
    team.model.script(fault="error", fault_after=4)
    if team.stream:
        await check_broken_off(front, "engine_error")
    team.model.script()
    await check_recovered(front)


async def test_slow_tokens(team: Team, tokenizer_file: Path) -> None:
    """Slow ones are waited for; past the deadline it is a 504, and the model is told."""
    settings = Settings(limits=Limits(request_seconds=0.6))
    async with triton_proxy(team.triton.url, settings=settings, tokenizer=tokenizer_file) as front:
        team.model.script(seconds_per_token=0.05)
        assert (await ask(front)).status_code == 200
        team.model.script(seconds_per_token=0.2)
        answer = await ask(front)
        assert (answer.status_code, error_of(answer)["type"]) == (504, "server_error")
        await until(lambda: team.model.ends("cancelled"))
        if team.stream:
            await check_broken_off(front, "timeout", "engine_timeout")
        team.model.script()
        await check_recovered(front)


@one_kind
async def test_triton_hangs(team: Team, tokenizer_file: Path) -> None:
    """A server that keeps its connections and answers nothing: 504, until it goes on."""
    settings = Settings(limits=Limits(request_seconds=0.6))
    async with triton_proxy(team.triton.url, settings=settings, tokenizer=tokenizer_file) as front:
        team.triton.freeze()
        try:
            await check_refused(front, 503, 504)
        finally:
            team.triton.thaw()
        await check_recovered(front)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_client_hangs_up(front: Front, team: Team, *, stream: bool) -> None:
    """The model sees it, long before it would have been done."""
    team.model.script(seconds_per_token=0.05)
    asked = asyncio.create_task(ask(front, max_tokens=1000, stream=stream))
    await until(team.model.requests)
    asked.cancel()
    await until(lambda: team.model.ends("cancelled"), seconds=1)
    assert team.model.ends("cancelled")[0].tokens < 20


@one_kind
async def test_a_thousand_hang_up(front: Front, team: Team) -> None:
    """Nothing of them is left: not at the model, in the proxy, or in the loop."""
    team.model.script(seconds_per_token=0.02)
    before = len(asyncio.all_tasks())
    gate = asyncio.Semaphore(front.service.slots.count - 2)

    async def leave_early(number: int) -> None:
        async with gate:
            asked = asyncio.create_task(ask(front, max_tokens=500, stream=number % 4 == 1))
            # Some before their request has arrived, some before the first token, some after it.
            await asyncio.sleep(0.002 * (number % 16))
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    async def leave_late() -> None:
        body = {"prompt": "def", "max_tokens": 500, "stream": True}
        async with gate, front.http.stream("POST", COMPLETIONS, json=body) as answer:
            assert answer.status_code == 200
            await anext(answer.aiter_lines())

    await asyncio.gather(*(leave_early(n) if n % 2 else leave_late() for n in range(1000)))
    slots = front.service.slots
    await until(lambda: (slots.running, slots.waiting) == (0, 0))
    await until(lambda: len(team.model.ends()) == len(team.model.requests()))
    assert len(team.model.ends("cancelled")) >= 500
    await until(lambda: len(asyncio.all_tasks()) <= before + 2)
    team.model.script()
    assert (await ask(front)).status_code == 200
