"""Models, health, metrics, the token path and the status page."""

import asyncio
import base64
import hashlib
import re
import time

from prometheus_client.parser import text_string_to_metric_families

from harness.proxy import error_of, proxy
from harness.waiting import until
from pilotfish.backend.proxy.engines.memory import Failure
from pilotfish.backend.proxy.settings import Limits, Settings


async def test_models_tell_what_they_can_do() -> None:
    """Context, fill-in-the-middle, cache, slots, limits, our extensions, aliases."""
    async with proxy(model="small", context_length=777, slots=3, logprobs=2) as made:
        listed = (await made.http.get("/v1/models")).json()
        (model,) = listed["data"]
        assert listed["object"] == "list"
        assert (model["id"], model["object"], model["owned_by"]) == ("small", "model", "pilotfish")
        assert (model["context_length"], model["slots"], model["logprobs"]) == (777, 3, 2)
        assert model["fim"] is model["prefix_cache"] is True
        assert (model["engine"], model["device"]) == ("memory", "cpu")
        assert model["whole_indents"] is True, "the memory engine's words hold no leading blank"
        assert set(model["extensions"]) == {"truncate", "top_k", "fim_middle", "warm"}
        assert model["aliases"] == ["codegen", "copilot-codex", "fastertransformer", "py-model"]
        assert model["limits"]["sequences"] == 64
        for name in ("small", "codegen"):
            assert (await made.http.get(f"/v1/models/{name}")).json() == model
        engines = (await made.http.get("/v1/engines")).json()["data"]
        assert [(engine["id"], engine["object"], engine["ready"]) for engine in engines] == [
            ("small", "engine", True)
        ]


async def test_extensions_follow_the_model() -> None:
    """A model without fill-in-the-middle announces no field for it."""
    async with proxy(fim=False) as made:
        (model,) = (await made.http.get("/v1/models")).json()["data"]
        assert model["fim"] is False
        assert "fim_middle" not in model["extensions"]


async def test_unknown_models() -> None:
    """A 404 that names those that exist, also for names with slashes in them."""
    async with proxy() as made:
        for name in ("nothing", "Qwen/Qwen2.5"):
            answer = await made.http.get(f"/v1/models/{name}")
            assert answer.status_code == 404
            assert "memory" in error_of(answer)["message"]


async def test_health_says_who_and_how() -> None:
    """Instance, version, model, engine, load: for a launcher that has to know its own."""
    async with proxy(Settings(instance_id="abc"), model="small") as made:
        health = (await made.http.get("/health")).json()
        assert (health["instance_id"], health["model"], health["engine"]) == ("abc", "small", "memory")
        assert (health["state"], health["ready"], health["error"]) == ("ready", True, None)
        assert (health["running"], health["waiting"], health["slots"]) == (0, 0, 2)
        assert health["proof_age_seconds"] < 5
        assert health["version"]
        assert (await made.http.get("/health/ready")).status_code == 200
        assert (await made.http.get("/health/live")).json() == {"status": "live"}


async def test_health_while_loading() -> None:
    """Live but not ready, with the name of what is being loaded."""
    async with proxy(Settings(model="small", instance_id="abc"), load=False, load_seconds=5) as made:
        for path in ("/health", "/health/ready"):
            answer = await made.http.get(path)
            assert answer.status_code == 503
            assert error_of(answer)["code"] == "loading"
            assert answer.headers["retry-after"] == "1"
            body = answer.json()
            assert (body["state"], body["model"], body["instance_id"]) == ("loading", "small", "abc")
        assert (await made.http.get("/health/live")).status_code == 200


async def test_health_of_a_failed_load() -> None:
    """The reason is told."""
    async with proxy(load=False, load_failure="x.gguf is damaged") as made:
        await made.service.vitals.settled.wait()
        answer = await made.http.get("/health")
        assert (answer.status_code, answer.json()["detail"]) == (503, "x.gguf is damaged")
        assert error_of(await made.ask(prompt="x"))["message"] == "x.gguf is damaged"


async def test_health_follows_the_engine_within_seconds() -> None:
    """A request that fails makes the probe look at once; when the engine is back, so is health."""
    async with proxy() as made:
        made.engine.failure = Failure("unavailable")
        await made.ask(prompt="x")
        await until(lambda: made.service.vitals.state == "failing", seconds=3)
        assert (await made.http.get("/health/ready")).status_code == 503
        made.engine.failure = None
        started = time.monotonic()
        await until(lambda: made.service.vitals.state == "ready", seconds=3)
        assert time.monotonic() - started < 2


async def test_completions_prove_that_the_engine_lives() -> None:
    """A token that a client got is as good as a probe's."""
    async with proxy() as made:
        await asyncio.sleep(0.3)
        assert (await made.http.get("/health")).json()["proof_age_seconds"] >= 0.3
        await made.complete(prompt="x")
        assert (await made.http.get("/health")).json()["proof_age_seconds"] < 0.2


async def test_full_queue_and_patience() -> None:
    """The house's bound is a 429, the queue's patience a 503; both say when to come back."""
    limits = Limits(queue=1, queue_seconds=0.1)
    async with proxy(Settings(limits=limits), slots=1, decode_seconds=0.05) as made:
        first = asyncio.create_task(made.ask(prompt="x", max_tokens=40))
        await until(lambda: made.engine.active == 1)
        second = asyncio.create_task(made.ask(prompt="x", max_tokens=1))
        await until(lambda: made.service.slots.waiting == 1)
        third = await made.ask(prompt="x")
        assert (third.status_code, error_of(third)["code"]) == (429, "queue_full")
        assert error_of(third)["type"] == "rate_limit_error"
        tired = await second
        assert (tired.status_code, error_of(tired)["code"]) == (503, "overloaded")
        for answer in (third, tired):
            assert int(answer.headers["retry-after"]) >= 1
        first.cancel()


async def test_deadline_of_a_request() -> None:
    """A completion that takes too long is a 504, and its slot is free again."""
    async with proxy(Settings(limits=Limits(request_seconds=0.1))) as made:
        made.engine.failure = Failure("hang")
        answer = await made.ask(prompt="x")
        assert (answer.status_code, error_of(answer)["code"]) == (504, "timeout")
        assert made.engine.active == 0


async def test_metrics_count() -> None:
    """Requests by route and status, tokens by kind; and never a word of the text."""
    async with proxy(script="value") as made:
        await made.complete(prompt="import self", temperature=0)
        await made.ask(prompt="x", n=0)
        answer = await made.http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }
        assert samples["pilotfish_requests_total", "/v1/completions", "200"] == 1
        assert samples["pilotfish_requests_total", "/v1/completions", "400"] == 1
        assert samples["pilotfish_tokens_total", "prompt"] == 2
        assert samples["pilotfish_tokens_total", "completion"] == 1
        assert samples["pilotfish_first_token_seconds_count",] == 1
        assert samples["pilotfish_ready",] == 1
        assert samples["pilotfish_slots",] == 2
        assert "import" not in answer.text


async def test_every_application_has_metrics_of_its_own() -> None:
    """Two in one process don't count for each other."""
    async with proxy() as one, proxy() as other:
        await one.complete(prompt="x")
        assert 'kind="prompt"} 1.0' in (await one.http.get("/metrics")).text
        assert 'kind="prompt"}' not in (await other.http.get("/metrics")).text


async def test_copilots_token_is_a_key_that_works() -> None:
    """Copilot's clients send what they get here with their requests: with keys, it must be one."""
    async with proxy(Settings(copilot_token=True, api_key="right-key-0123456789")) as made:
        path = "/copilot_internal/v2/token"
        assert (await made.http.get(path)).status_code == 401
        shown = {"authorization": "token right-key-0123456789"}
        token = (await made.http.get(path, headers=shown)).json()
        made.headers["authorization"] = f"Bearer {token['token']}"
        assert (await made.ask("/v1/engines/copilot-codex/completions", prompt="x")).status_code == 200
        assert token["refresh_in"] < token["expires_at"] - time.time()


async def test_status_page_loads_nothing_from_elsewhere() -> None:
    """Its policy allows its own script and style, by their hashes, and nothing else."""
    async with proxy() as made:
        answer = await made.http.get("/")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        for tag in ("script", "style"):
            (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        assert not re.search(r"""(src|href)=["'](?!data:|/)""", answer.text)
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text


async def test_status_numbers() -> None:
    """What the page polls: health, the model, the last minute."""
    async with proxy(script="value") as made:
        await made.complete(prompt="import self", temperature=0)
        status = (await made.http.get("/status.json")).json()
        assert (status["state"], status["model"], status["served"]) == ("ready", "memory", 1)
        minute = status["minute"]
        assert (minute["requests"], minute["completion_tokens"]) == (1, 1)
        assert minute["first_token_ms"]["p50"] >= 0
        assert len(minute["requests_per_second"]) == 60
    async with proxy(load=False, load_seconds=5) as made:
        assert (await made.http.get("/status.json")).json()["context_length"] is None


async def test_answers_have_an_id_of_their_own() -> None:
    """For finding a request's line in the log."""
    async with proxy() as made:
        one, two = await made.ask(prompt="x"), await made.http.get("/nothing")
        assert one.headers["x-request-id"].startswith("req_")
        assert one.headers["x-request-id"] != two.headers["x-request-id"]
