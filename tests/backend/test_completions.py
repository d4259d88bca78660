"""Completions over HTTP: every field, streamed and whole."""

import asyncio
from typing import Any

import pytest

from harness.proxy import error_of, proxy
from pilotfish.backend.proxy.engines.base import Sampling
from pilotfish.backend.proxy.engines.memory import Failure

FUNCTION = "return x + y 🐟\n\ndef next"


async def test_shape_of_an_answer() -> None:
    """OpenAI's text completion, with true token counts."""
    async with proxy(script="return x\n") as made:
        body = await made.complete(prompt="def f(x):\n    ", temperature=0)
        (choice,) = body["choices"]
        assert choice == {"text": "return x\n", "index": 0, "logprobs": None, "finish_reason": "stop"}
        assert body["object"] == "text_completion"
        assert body["model"] == "memory"
        assert body["id"].startswith("cmpl-")
        usage = body["usage"]
        assert usage["prompt_tokens"] == len(await made.engine.tokenize("def f(x):\n    "))
        assert usage["completion_tokens"] == 3
        assert usage["total_tokens"] == usage["prompt_tokens"] + 3


async def test_cached_tokens_are_told() -> None:
    """The second request with the same prompt is served from the prefix cache; a stop does not hide that."""
    async with proxy(script="x\n\ny") as made:
        prompt = "import value\nprint(value)\n"
        await made.complete(prompt=prompt, temperature=0)
        for fields in ({}, {"stop": "\n"}):
            usage = (await made.complete(prompt=prompt, temperature=0, **fields))["usage"]
            assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1


async def test_a_stream_says_what_a_whole_answer_says() -> None:
    """Chunk by chunk: one id, the finish reason last, then the counts if asked for."""
    async with proxy(script=FUNCTION) as made:
        fields: dict[str, Any] = {
            "prompt": "x",
            "temperature": 0,
            "stop": ["\n\n"],
            "max_tokens": 50,
            "logprobs": 1,
        }
        whole = await made.complete(**fields)
        *chunks, last = await made.chunks(stream_options={"include_usage": True}, **fields)
        assert len(chunks) > 4
        assert len({chunk["id"] for chunk in [*chunks, last]}) == 1
        choices = [chunk["choices"][0] for chunk in chunks]
        assert (
            "".join(choice["text"] for choice in choices) == whole["choices"][0]["text"] == "return x + y 🐟"
        )
        assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
        for key in ("tokens", "token_logprobs", "text_offset", "top_logprobs"):
            streamed = [entry for choice in choices for entry in choice["logprobs"][key]]
            assert streamed == whole["choices"][0]["logprobs"][key]
        assert all(chunk["usage"] is None for chunk in chunks)
        assert last["choices"] == []
        assert last["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
        assert "usage" not in (await made.chunks(**fields))[-1]


async def test_max_tokens() -> None:
    """16 unless told otherwise; reaching it is "length"."""
    async with proxy() as made:
        for fields, count in (({}, 16), ({"max_tokens": None}, 16), ({"max_tokens": 3}, 3)):
            body = await made.complete(prompt="x", **fields)
            assert body["usage"]["completion_tokens"] == count
            assert body["choices"][0]["finish_reason"] == "length"


async def test_zero_tokens_only_warms() -> None:
    """The prompt is evaluated, nothing is generated, and the next request finds it in the cache."""
    async with proxy() as made:
        warmed = await made.complete(prompt="import value\n", max_tokens=0)
        assert warmed["choices"] == [{"text": "", "index": 0, "logprobs": None, "finish_reason": "length"}]
        assert warmed["usage"]["completion_tokens"] == 0
        usage = (await made.complete(prompt="import value\n", max_tokens=1))["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1
        (chunk,) = await made.chunks(prompt="import value\n", max_tokens=0)
        assert chunk["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("prompt", "echoed"),
    [
        ("ab", ["ab"]),
        (None, [""]),
        ("", [""]),
        (["a", "b"], ["a", "b"]),
        ([97, 98], ["ab"]),
        ([[97], [98, 99]], ["a", "bc"]),
    ],
)
async def test_all_kinds_of_prompts(prompt: object, echoed: list[str]) -> None:
    """Each prompt has its choice, in order; echo puts it in front."""
    async with proxy(script="!") as made:
        for chunks in (False, True):
            fields = {"prompt": prompt, "echo": True, "temperature": 0}
            if chunks:
                texts: dict[int, str] = {}
                for chunk in await made.chunks(**fields):
                    (choice,) = chunk["choices"]
                    texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
                said = [texts[index] for index in sorted(texts)]
            else:
                said = [choice["text"] for choice in (await made.complete(**fields))["choices"]]
            assert said == [text + "!" for text in echoed]


async def test_several_texts_of_one_prompt() -> None:
    """With n, a prompt is counted once, its texts differ, and a seed makes them come again."""
    async with proxy() as made:
        one = await made.complete(prompt=["x", "y"], n=3, seed=5, max_tokens=8)
        again = await made.complete(prompt=["x", "y"], n=3, seed=5, max_tokens=8)
        assert [choice["index"] for choice in one["choices"]] == list(range(6))
        assert [choice["text"] for choice in one["choices"]] == [
            choice["text"] for choice in again["choices"]
        ]
        assert len({choice["text"] for choice in one["choices"][:3]}) == 3
        assert one["usage"]["prompt_tokens"] == 2
        assert one["usage"]["completion_tokens"] == 48
        assert made.engine.peak == 2, "no more at once than there are slots"


async def test_best_of_ranks_by_mean_log_probability() -> None:
    """Of five texts, the two likeliest per token are returned, likeliest first."""
    async with proxy() as made:
        every = await made.complete(prompt="x", n=5, seed=3, logprobs=0, max_tokens=8)
        best = await made.complete(prompt="x", n=2, best_of=5, seed=3, max_tokens=8)
        mean = {choice["text"]: sum(choice["logprobs"]["token_logprobs"]) / 8 for choice in every["choices"]}
        ranked = sorted(mean, key=lambda text: mean[text], reverse=True)
        assert [choice["text"] for choice in best["choices"]] == ranked[:2]
        assert [choice["index"] for choice in best["choices"]] == [0, 1]
        assert all(choice["logprobs"] is None for choice in best["choices"])
        assert best["usage"]["completion_tokens"] == 40, "what was generated and thrown away costs too"


async def test_logprobs_are_the_engines() -> None:
    """One true number for each token of the text, and none for those behind the stop."""
    async with proxy(script=FUNCTION) as made:
        body = await made.complete(prompt="x", temperature=0, logprobs=3, stop="\n\n", max_tokens=50)
        (choice,) = body["choices"]
        logprobs = choice["logprobs"]
        count = len(logprobs["tokens"])
        assert count == len(logprobs["token_logprobs"]) == len(logprobs["top_logprobs"])
        assert all(value <= 0 for value in logprobs["token_logprobs"])
        assert logprobs["tokens"][0] == "return "
        assert logprobs["text_offset"][-1] < len(choice["text"])
        for token, value, top in zip(
            logprobs["tokens"], logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True
        ):
            assert top[token] == value
            assert len(top) in {3, 4}


async def test_the_engine_gets_what_was_asked() -> None:
    """Every sampling field reaches it, and no stop sequence does."""
    async with proxy() as made:
        await made.complete(
            prompt="x",
            suffix="y",
            fim_middle="z",
            max_tokens=3,
            temperature=0.5,
            top_p=0.9,
            top_k=7,
            seed=11,
            presence_penalty=0.5,
            frequency_penalty=-0.5,
            logit_bias={"260": 5},
            logprobs=2,
            user="someone",
            stop=["nothing"],
        )
        (call,) = made.engine.calls
        assert call.sampling == Sampling(0.5, 0.9, 7, 11, 0.5, -0.5, {260: 5.0})
        assert (call.max_tokens, call.logprobs) == (3, 2)
        assert list(call.prompt) == await made.engine.tokenize("x")
        assert list(call.suffix or []) == await made.engine.tokenize("y")
        assert list(call.middle) == await made.engine.tokenize("z")


async def test_what_an_engine_refuses_names_the_field() -> None:
    """A model that can't fill in the middle; log-probabilities that an engine does not have."""
    async with proxy(fim=False, logprobs=None) as made:
        for field, value in (("suffix", "x"), ("logprobs", 1), ("best_of", 3)):
            answer = await made.ask(prompt="x", **{field: value})
            assert answer.status_code == 400
            assert error_of(answer)["param"] == field
        await made.complete(prompt="x", suffix=None, logprobs=None, best_of=1)
        await made.complete(prompt="x", suffix="")


async def test_chosen_tokens_logprobs_may_be_all_there_is() -> None:
    """An engine without alternatives gives the chosen tokens' values, ranks by them, and refuses more."""
    async with proxy(logprobs=0) as made:
        (choice,) = (await made.complete(prompt="x", temperature=0, logprobs=0))["choices"]
        assert len(choice["logprobs"]["token_logprobs"]) == len(choice["logprobs"]["tokens"]) > 0
        assert not any(choice["logprobs"]["top_logprobs"])
        await made.complete(prompt="x", best_of=3)
        answer = await made.ask(prompt="x", logprobs=1)
        assert answer.status_code == 400
        assert "logprobs 0" in error_of(answer)["message"]
        (model,) = (await made.http.get("/v1/models")).json()["data"]
        assert (model["logprobs"], model["limits"]["best_of"]) == (0, 20)


async def test_context_overflow() -> None:
    """Refused with OpenAI's code; with truncate, the end of the prompt is continued."""
    async with proxy(context_length=128) as made:
        prompt = "".join(f"line {number}\n" for number in range(60))
        refused = await made.ask(prompt=prompt)
        assert refused.status_code == 400
        assert error_of(refused)["code"] == "context_length_exceeded"
        body = await made.complete(prompt=prompt, truncate="left")
        assert 60 < body["usage"]["prompt_tokens"] <= 112
        kept = await made.engine.detokenize(made.engine.calls[-1].prompt)
        assert prompt.endswith(kept)
        assert kept.startswith("line ")


@pytest.mark.parametrize(
    ("path", "model", "status"),
    [
        ("/v1/completions", None, 200),
        ("/v1/completions", "memory", 200),
        ("/v1/completions", "fastertransformer", 200),
        ("/v1/completions", "py-model", 200),
        ("/v1/completions", "codegen", 200),
        ("/v1/completions", "gpt-4", 404),
        ("/v1/completions", "", 404),
        ("/v1/engines/codegen/completions", "fastertransformer", 200),
        ("/v1/engines/copilot-codex/completions", None, 200),
        ("/v1/engines/memory/completions", None, 200),
        ("/v1/engines/davinci/completions", None, 404),
        ("/v1/engines/codegen/completions", "gpt-4", 404),
    ],
)
async def test_models_and_their_aliases(path: str, model: str | None, status: int) -> None:
    """Aliases mean the served model; another name is a 404 that lists what there is."""
    async with proxy() as made:
        answer = await made.ask(path, prompt="x", model=model)
        assert answer.status_code == status
        if status == 200:
            assert answer.json()["model"] == "memory"
        else:
            error = error_of(answer)
            assert (error["param"], error["code"]) == ("model", "model_not_found")
            assert "memory" in error["message"]
            assert "codegen" in error["message"]


async def test_copilots_extras_are_dropped_on_its_path_only() -> None:
    """Elsewhere an unknown field is an error."""
    extras = {"prompt": "x", "extra": {"language": "python"}, "nwo": "a/b"}
    async with proxy() as made:
        assert (await made.ask("/v1/engines/copilot-codex/completions", **extras)).status_code == 200
        refused = await made.ask("/v1/engines/codegen/completions", **extras)
        assert (refused.status_code, error_of(refused)["param"]) == (400, "extra")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("error", 500, "engine_error"),
        ("unavailable", 503, "engine_unavailable"),
        ("busy", 429, "engine_busy"),
        ("timeout", 504, "engine_timeout"),
        ("bug", 500, "internal_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_failing_engine_is_never_a_200(kind: str, status: int, code: str, *, stream: bool) -> None:
    """Whole answers and streams alike, as long as nothing was sent."""
    async with proxy() as made:
        made.engine.failure = Failure(kind)  # type: ignore[arg-type]
        answer = await made.ask(prompt="x", stream=stream)
        assert answer.status_code == status
        assert error_of(answer)["code"] == code
        assert ("retry-after" in answer.headers) == (status in {429, 503})


async def test_one_failing_text_ends_the_others() -> None:
    """Of several texts, those that still wait for a slot never reach an engine that has failed."""
    async with proxy(slots=1) as made:
        made.engine.failure = Failure("error", after=2)
        assert (await made.ask(prompt="x", n=4)).status_code == 500
        await asyncio.sleep(0.05)
        assert len(made.engine.calls) <= 2, "the next one may have had its turn already"
        assert (made.service.slots.running, made.service.slots.waiting) == (0, 0)


async def test_a_failure_in_mid_stream_is_told_in_the_stream() -> None:
    """The text so far, then an error event, and no [DONE] that would make it look whole."""
    async with proxy() as made:
        made.engine.failure = Failure("unavailable", after=2)
        answer = await made.ask(prompt="x", stream=True)
        events = answer.text.strip().split("\n\n")
        assert len(events) == 3
        assert '"code":"engine_unavailable"' in events[-1]
        assert "[DONE]" not in answer.text


async def test_requests_while_the_engine_loads() -> None:
    """503 with Retry-After: the server is there before the model is."""
    async with proxy(load=False, load_seconds=5) as made:
        await asyncio.sleep(0)
        for answer in (await made.ask(prompt="x"), await made.http.get("/v1/models")):
            assert answer.status_code == 503
            assert error_of(answer)["code"] == "loading"
            assert answer.headers["retry-after"] == "1"
