"""What goes wrong with Triton servers that a test has to itself: queues, one of two, none yet, another model."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from harness.proxy import error_of
from harness.triton import TritonProcess, free_ports
from harness.triton_checks import RECOVERY, ask, asked, check_recovered, check_refused
from harness.triton_models import ScriptedModel, Shape
from harness.triton_proxy import ready_servers, triton_proxy
from harness.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def started(*processes: TritonProcess) -> AsyncIterator[None]:
    """Run some Tritons while inside."""
    try:
        for process in processes:
            await asyncio.to_thread(process.start)
        yield
    finally:
        for process in processes:
            await asyncio.to_thread(process.kill)


async def test_a_model_that_can_not_be_stopped_runs_on(tmp_path: Path, tokenizer_file: Path) -> None:
    """Triton of these versions would crash of a cancelled call: who hangs up is forgotten, and nobody else hurt."""
    model = ScriptedModel(tmp_path / "models", Shape(absent=["cancel_id"]), seconds_per_token=0.02)
    triton = TritonProcess(model.repository, config_name="decoupled")
    async with started(triton), triton_proxy(triton.url, tokenizer=tokenizer_file) as front:
        asked_for = asyncio.create_task(ask(front, stream=True))
        await until(lambda: asked(model))
        asked_for.cancel()
        slots = front.service.slots
        await until(lambda: slots.running == 0)
        await until(lambda: [end.tokens for end in model.ends("finished")][-1:] == [8])
        assert model.ends("cancelled") == []
        assert (await ask(front)).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_tritons_queue_is_full(tmp_path: Path, tokenizer_file: Path, *, stream: bool) -> None:
    """Who finds no place gets a 429 with Retry-After; who has one gets the answer."""
    model = ScriptedModel(tmp_path / "models", Shape(instances=1, queue_size=1))
    triton = TritonProcess(model.repository, config_name="decoupled" if stream else None)
    async with started(triton), triton_proxy(triton.url, tokenizer=tokenizer_file) as front:
        model.script(seconds_before=0.4, blocking=True)
        answers = await asyncio.gather(*(ask(front, stream=stream) for _ in range(8)))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 429}
        for answer in answers:
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1
                assert error_of(answer)["type"] == "rate_limit_error"
        model.script()
        await check_recovered(front)


async def test_one_of_two_tritons_is_killed(tmp_path: Path, tokenizer_file: Path) -> None:
    """Only what ran there is lost; the other takes what comes, and the first its share when it is back."""
    models = [ScriptedModel(tmp_path / name, seconds_per_token=0.1) for name in ("one", "two")]
    tritons = [TritonProcess(model.repository, config_name="decoupled") for model in models]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(started(*tritons))
        urls = [triton.url for triton in tritons]
        front = await stack.enter_async_context(triton_proxy(*urls, tokenizer=tokenizer_file))
        await until(lambda: ready_servers(front) == 2)
        for model in models:
            model.forget()
        running = [asyncio.create_task(ask(front)) for _ in range(4)]
        await until(lambda: [len(asked(model)) for model in models] == [2, 2])
        await asyncio.to_thread(tritons[0].kill)
        assert sorted([(await one).status_code for one in running]) == [200, 200, 503, 503]
        models[1].script()
        for _ in range(10):
            assert (await ask(front)).status_code == 200
        assert (await front.http.get("/health/ready")).status_code == 200
        for model in models:
            model.script(seconds_per_token=0.02)
        models[0].forget()
        await asyncio.to_thread(tritons[0].start)
        back = time.monotonic()
        while not asked(models[0]):
            answers = await asyncio.gather(*(ask(front) for _ in range(2)))
            assert [answer.status_code for answer in answers] == [200, 200]
            assert time.monotonic() - back < RECOVERY


async def test_the_proxy_is_there_before_triton(tmp_path: Path, tokenizer_file: Path) -> None:
    """It says what it waits for, and is ready soon after Triton."""
    model = ScriptedModel(tmp_path / "models")
    triton = TritonProcess(model.repository)
    triton._ports = free_ports()
    async with triton_proxy(triton.url, tokenizer=tokenizer_file, ready=False) as front:
        health = (await front.http.get("/health")).json()
        assert health["state"] == "loading"
        await until(lambda: triton.url in str(front.service.vitals.detail))
        await check_refused(front, 503)
        async with started(triton):
            await check_recovered(front)


async def test_triton_has_another_model(tmp_path: Path, tokenizer_file: Path) -> None:
    """A server that is ready and does not know the model is no reason to wait: it fails, and names those it has."""
    model = ScriptedModel(tmp_path / "models", Shape(name="another"))
    triton = TritonProcess(model.repository)
    async with (
        started(triton),
        triton_proxy(triton.url, tokenizer=tokenizer_file, ready=False) as front,
    ):
        await until(lambda: front.service.vitals.state == "failing")
        assert "another" in (await front.http.get("/health")).json()["detail"]
        await check_refused(front, 503)
