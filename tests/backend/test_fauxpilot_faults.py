"""What FauxPilot's proxy does wrong, fault by fault, and what ours does instead.

Each test's docstring begins with the fault.
"""

import asyncio
import time
from typing import Any

import pytest

from harness.proxy import COMPLETIONS, Proxy, error_of, proxy, read_sse
from pilotfish.backend.proxy.engines.memory import Failure
from pilotfish.backend.proxy.settings import Settings

CODEGEN = "/v1/engines/codegen/completions"
COPILOT = "/v1/engines/copilot-codex/completions"


async def check_refused(made: Proxy, param: str, status: int = 400, **fields: Any) -> None:
    answer = await made.ask(CODEGEN, **{"prompt": "x", **fields})
    assert answer.status_code == status
    assert error_of(answer)["param"] == param


# The paths.


async def test_swagger_from_elsewhere_at_the_root() -> None:
    """`/` was Swagger UI, with scripts from another host; it is a page of our own, and /openapi.json stays."""
    async with proxy() as made:
        page = await made.http.get("/")
        assert "http://" not in page.text.replace("http://www.w3.org/", "")
        assert "https://" not in page.text
        assert (await made.http.get("/openapi.json")).status_code == 200
        assert (await made.http.get("/docs")).status_code == 404


async def test_token_path_for_everybody() -> None:
    """The Copilot token was always handed out; it is there only when it was switched on."""
    async with proxy() as made:
        assert (await made.http.get("/copilot_internal/v2/token")).status_code == 404
    async with proxy(Settings(copilot_token=True)) as made:
        token = (await made.http.get("/copilot_internal/v2/token")).json()
        assert set(token) == {"token", "expires_at", "refresh_in"}
        assert token["expires_at"] > time.time() + token["refresh_in"]


@pytest.mark.parametrize("path", [COMPLETIONS, CODEGEN, COPILOT, "/v1/engines/memory/completions"])
async def test_only_two_engine_names_worked(path: str) -> None:
    """Other engine names were 404; the model's own name and all aliases work."""
    async with proxy() as made:
        await made.complete(path, prompt="x")


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/engines", "/health", "/health/live", "/health/ready", "/metrics"]
)
async def test_paths_that_did_not_exist(path: str) -> None:
    """Models, engines, health and metrics were 404."""
    async with proxy() as made:
        assert (await made.http.get(path)).status_code == 200


async def test_no_authentication() -> None:
    """`Authorization` was ignored; with keys, a wrong one is a 401."""
    async with proxy(Settings(api_key="right-key-0123456789")) as made:
        refused = await made.ask(prompt="x")
        assert (refused.status_code, error_of(refused)["code"]) == (401, "invalid_api_key")
        made.headers["authorization"] = "Bearer right-key-0123456789"
        assert (await made.ask(prompt="x")).status_code == 200


# The fields of a request.


async def test_model_was_a_regular_expression() -> None:
    """Any other model was a 422 with a schema error; it is a 404 that names the models."""
    async with proxy() as made:
        answer = await made.ask(prompt="x", model="codegen-16B")
        assert answer.status_code == 404
        assert "memory" in error_of(answer)["message"]


async def test_lists_of_prompts() -> None:
    """A list was a 422; lists of texts and of token ids work."""
    async with proxy() as made:
        assert len((await made.complete(prompt=["a", "b"]))["choices"]) == 2
        assert len((await made.complete(prompt=[[1], [2]]))["choices"]) == 2


async def test_missing_null_and_empty_prompts() -> None:
    """Missing and null were 500; missing is a 400 that names the field, null and "" begin a text."""
    async with proxy() as made:
        missing = await made.http.post(CODEGEN, json={"max_tokens": 1})
        assert (missing.status_code, error_of(missing)["param"]) == (400, "prompt")
        for prompt in (None, ""):
            assert (await made.complete(prompt=prompt))["usage"]["prompt_tokens"] == 0


async def test_null_max_tokens() -> None:
    """Null was a 500; it is the default of 16."""
    async with proxy() as made:
        assert (await made.complete(prompt="x", max_tokens=None))["usage"]["completion_tokens"] == 16


async def test_temperature_zero() -> None:
    """0 became temperature 1 with top_k 1; it is greedy, as it is."""
    async with proxy() as made:
        await made.complete(prompt="x", temperature=0)
        sampling = made.engine.calls[-1].sampling
        assert (sampling.temperature, sampling.top_k) == (0.0, 0)


async def test_n_of_zero() -> None:
    """0 was a 500; it is a 400."""
    async with proxy() as made:
        await check_refused(made, "n", n=0)


async def test_frequency_penalty_was_another_thing() -> None:
    """It was sent on as a factor, 0 and all; it is additive, 0 by default, and 0 changes nothing."""
    async with proxy() as made:
        texts = {await made.text(prompt="x", temperature=0, **f) for f in ({}, {"frequency_penalty": 0})}
        assert len(texts) == 1
        assert await made.text(prompt="x", temperature=0, max_tokens=64, frequency_penalty=2) not in texts


@pytest.mark.parametrize(
    ("field", "value", "seen"),
    [
        ("suffix", "y", lambda call: call.suffix is not None),
        ("presence_penalty", 0.5, lambda call: call.sampling.presence_penalty == 0.5),
        ("logit_bias", {"5": 1}, lambda call: call.sampling.logit_bias == {5: 1.0}),
        ("top_k", 3, lambda call: call.sampling.top_k == 3),
        ("seed", 3, lambda call: call.sampling.seed == 3),
    ],
)
async def test_fields_that_were_ignored(field: str, value: object, seen: Any) -> None:
    """They were accepted and dropped; the engine gets them."""
    async with proxy() as made:
        await made.complete(prompt="x", **{field: value})
        assert seen(made.engine.calls[-1])


async def test_echo_and_best_of_were_ignored() -> None:
    """Echo puts the prompt in front; best_of generates as many as it says."""
    async with proxy(script="!") as made:
        assert await made.text(prompt="x", echo=True, temperature=0) == "x!"
        await made.complete(prompt="x", best_of=4)
        assert len(made.engine.calls) == 5


async def test_unknown_fields_were_dropped() -> None:
    """They are an error, but for what Copilot's clients send on their path."""
    async with proxy() as made:
        await check_refused(made, "min_p", min_p=0.1)
        assert (await made.ask(COPILOT, prompt="x", min_p=0.1)).status_code == 200


# The answer.


async def test_model_was_always_codegen() -> None:
    """The answer names the model that answered."""
    async with proxy(model="smollm2-135m") as made:
        assert (await made.complete(CODEGEN, prompt="x"))["model"] == "smollm2-135m"


async def test_a_stop_on_the_last_token_was_length() -> None:
    """A text that ends with a stop sequence has ended by it, on the last allowed token too."""
    async with proxy(script="x\nx") as made:
        (choice,) = (await made.complete(prompt="a", temperature=0, max_tokens=2, stop="\n"))["choices"]
        assert (choice["text"], choice["finish_reason"]) == ("x", "stop")


async def test_alternatives_were_random() -> None:
    """top_logprobs were random tokens with random values; they are the likeliest, and their sum is a probability."""
    async with proxy() as made:
        one = await made.complete(prompt="x", temperature=0, logprobs=5)
        two = await made.complete(prompt="x", temperature=0, logprobs=5)
        assert one["choices"][0]["logprobs"] == two["choices"][0]["logprobs"]
        for top in one["choices"][0]["logprobs"]["top_logprobs"]:
            assert sum(2.718281828**value for value in top.values()) <= 1.0 + 1e-9


async def test_logprobs_were_longer_than_the_text() -> None:
    """20 numbers came for 9 tokens; there is one for each token of the text."""
    async with proxy(script="value = 1\n\nvalue = 2") as made:
        (choice,) = (await made.complete(prompt="a", temperature=0, logprobs=1, stop="\n\n", max_tokens=20))[
            "choices"
        ]
        logprobs = choice["logprobs"]
        assert "".join(logprobs["tokens"]) == choice["text"] == "value = 1"
        assert len(logprobs["tokens"]) == len(logprobs["token_logprobs"]) == len(logprobs["text_offset"]) == 3


async def test_offsets_are_characters_beyond_ascii() -> None:
    """text_offset counts characters of the text, whatever their bytes."""
    async with proxy(script="🐟x") as made:
        logprobs = (await made.complete(prompt="a", temperature=0, logprobs=1))["choices"][0]["logprobs"]
        assert logprobs["text_offset"] == [0, 0, 0, 0, 1]


async def test_errors_of_the_schema() -> None:
    """They were 422 in FastAPI's shape; they are 400 in OpenAI's."""
    async with proxy() as made:
        await check_refused(made, "max_tokens", max_tokens="many")
        broken = await made.http.post(CODEGEN, content=b"{", headers={"content-type": "application/json"})
        assert (broken.status_code, error_of(broken)["code"]) == (400, "invalid_json")


async def test_context_overflow_had_no_code() -> None:
    """The envelope's code was null; it is the one that OpenAI's clients look for."""
    async with proxy(context_length=64) as made:
        answer = await made.ask(prompt="x" * 64)
        assert (answer.status_code, error_of(answer)["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_dead_engine_was_a_200(*, stream: bool) -> None:
    """Without an engine, 200 with no choices came, or a lone [DONE]; it is a 503 with Retry-After."""
    async with proxy() as made:
        made.engine.failure = Failure("unavailable")
        answer = await made.ask(prompt="x", stream=stream)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        error_of(answer)


async def test_unexpected_errors_were_plain_text() -> None:
    """500 was text/plain; it is the envelope, and tells nothing of the inside."""
    async with proxy() as made:
        made.engine.failure = Failure("bug")
        answer = await made.ask(prompt="x")
        assert answer.status_code == 500
        assert "ZeroDivision" not in answer.text
        error_of(answer)


async def test_recovery_took_up_to_25_seconds() -> None:
    """When the engine is back, the next request is served."""
    async with proxy() as made:
        made.engine.failure = Failure("unavailable")
        assert (await made.ask(prompt="x")).status_code == 503
        made.engine.failure = None
        assert (await made.ask(prompt="x")).status_code == 200


# Streams.


async def test_streams_were_no_streams() -> None:
    """All came in one event when all was done; events come token by token, with one id."""
    async with proxy(script="value = 1\n", decode_seconds=0.001) as made:
        chunks = await made.chunks(CODEGEN, prompt="x", temperature=0)
        assert len(chunks) == 5
        assert len({chunk["id"] for chunk in chunks}) == 1
        assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "value = 1\n"


@pytest.mark.parametrize("stream", [False, None])
async def test_stream_false_was_an_empty_stream(stream: object) -> None:
    """`"stream": false` gave an SSE response with nothing in it; it is a JSON answer."""
    async with proxy() as made:
        answer = await made.ask(prompt="x", stream=stream)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["choices"]


async def test_stream_ends_with_done() -> None:
    """One [DONE], at the end."""
    async with proxy() as made:
        answer = await made.ask(prompt="x", stream=True)
        assert read_sse(answer.text).count("[DONE]") == 1
        assert answer.text.endswith("data: [DONE]\n\n")


# Stop sequences.


async def test_stops_inside_a_token_never_stopped() -> None:
    """Only whole tokens were matched ("Wor" in "World" never); text is matched."""
    async with proxy(script="return value") as made:
        assert await made.text(prompt="x", temperature=0, stop=["turn"]) == "re"


async def test_overrun_past_a_stop_was_left_in() -> None:
    """Only a stop at the very end was removed; nothing behind a stop is shown."""
    async with proxy(script="print(x); print(y)") as made:
        for text in (
            await made.text(prompt="x", temperature=0, stop=[")"], max_tokens=50),
            "".join(
                chunk["choices"][0]["text"]
                for chunk in await made.chunks(prompt="x", temperature=0, stop=[")"], max_tokens=50)
            ),
        ):
            assert text == "print(x"


async def test_a_stop_string_was_taken_apart() -> None:
    """A plain string stopped at its first character; it is one stop sequence."""
    async with proxy(script="x\ny\n\nprint") as made:
        assert await made.text(prompt="x", temperature=0, stop="\n\n") == "x\ny"
        assert await made.text(prompt="x", temperature=0, stop="print") == "x\ny\n\n"


async def test_an_empty_stop_blanked_the_text() -> None:
    """`[""]` stops nothing."""
    async with proxy(script="value") as made:
        assert await made.text(prompt="x", temperature=0, stop=[""]) == "value"


async def test_a_stop_that_is_a_number() -> None:
    """`[5]` was a 500; it is a 400."""
    async with proxy() as made:
        await check_refused(made, "stop", stop=[5])


# Many at once.


async def test_one_request_at_a_time() -> None:
    """The call blocked the loop: peak concurrency 1, and even the token path waited."""
    async with proxy(decode_seconds=0.02, slots=4) as made:
        asked = [asyncio.create_task(made.ask(prompt="x", max_tokens=20)) for _ in range(8)]
        await asyncio.sleep(0.1)
        started = time.monotonic()
        assert (await made.http.get("/health")).status_code == 200
        took = time.monotonic() - started
        assert took < 0.05
        assert all(answer.status_code == 200 for answer in await asyncio.gather(*asked))
        assert made.engine.peak == 4
