"""What only llama.cpp with a real model can show: cache, slots, warm-ups, true log-probabilities, signals."""

import asyncio
import math
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from backend.engine_contract import GREEDY, Outcome, collect
from pilotfish.backend.models.local import LocalModel
from pilotfish.backend.proxy.engines import llama_wire
from pilotfish.backend.proxy.engines.base import (
    EngineError,
    EngineUnavailable,
    Finish,
    Generation,
    Piece,
    Sampling,
)
from pilotfish.backend.proxy.engines.llama import LlamaEngine, LlamaSettings
from pilotfish.backend.proxy.engines.llama_server import taken_signals
from pilotfish.backend.proxy.engines.llama_wire import sampling_fields

pytestmark = [pytest.mark.real_model, pytest.mark.asyncio(loop_scope="module")]

FISH = [40303, 218]
"""The two tokens of " 😀" in the default model's vocabulary; neither is a character by itself."""
FILE_SEPARATOR = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(default_model: LocalModel) -> AsyncIterator[LlamaEngine]:
    engine = LlamaEngine(LlamaSettings(default_model.path, default_model.name))
    await engine.start()
    yield engine
    await engine.stop()


async def window(engine: LlamaEngine, mark: str, length: int = 160) -> list[int]:
    """A prompt that starts like no other."""
    lines = "".join(f"    {mark}_{line} = compute({line})\n" for line in range(length))
    return (await engine.tokenize(f"# {mark} {time.monotonic_ns()}\n{lines}"))[:length]


async def evaluated(engine: LlamaEngine, prompt: list[int]) -> int:
    """How many tokens of a prompt had to be computed."""
    out = await collect(engine, Generation(prompt, 1, GREEDY))
    return out.finish.prompt_tokens - out.finish.cached_tokens


async def test_typing_costs_the_new_tokens_only(engine: LlamaEngine) -> None:
    """A prompt that goes on from the one before computes what is new, and the one token that must be."""
    prompt = await window(engine, "typing")
    await collect(engine, Generation(prompt, 8, GREEDY))
    assert await evaluated(engine, [*prompt, *await engine.tokenize("x = ")]) <= 4


async def test_two_windows_keep_a_slot_each(engine: LlamaEngine) -> None:
    """Who types in two files in turn pays for neither again."""
    one, two = await window(engine, "one"), await window(engine, "two")
    await evaluated(engine, one)
    await evaluated(engine, two)
    assert [await evaluated(engine, prompt) for prompt in (one, two, one, two)] == [1, 1, 1, 1]


async def test_a_prompt_that_lost_its_slot_comes_back_from_memory(engine: LlamaEngine) -> None:
    """After three windows in two slots the first one is still not read again."""
    windows = [await window(engine, mark) for mark in ("first", "second", "third")]
    for prompt in windows:
        await evaluated(engine, prompt)
    assert await evaluated(engine, windows[0]) <= 16


async def test_probes_make_no_slot_forget(default_model: LocalModel) -> None:
    """However often an engine is asked for a token, what its slots hold stays there; not only a copy in memory."""
    engine = LlamaEngine(LlamaSettings(default_model.path, "x", cache_mib=0))
    await engine.start()
    one, two = await window(engine, "probed"), await window(engine, "likewise")
    await evaluated(engine, one)
    await evaluated(engine, two)
    for _ in range(3):
        await engine.probe()
    assert [await evaluated(engine, prompt) for prompt in (one, two)] == [1, 1]
    await engine.stop()


async def test_probe_takes_running_generations_as_proof(engine: LlamaEngine) -> None:
    """With every slot busy it needs no slot: the next real token is enough."""
    prompts = [await window(engine, mark, 20) for mark in ("busy", "busier")]
    sampling = Sampling(temperature=0.0, logit_bias=dict.fromkeys((0, 2), -100.0))
    tasks = [asyncio.create_task(collect(engine, Generation(prompt, 200, sampling))) for prompt in prompts]
    try:
        async with asyncio.timeout(20):
            while not all(slot.busy for slot in engine._now().pool.slots):
                await asyncio.sleep(0.001)
            await engine.probe()
        assert not all(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_answers_are_given_while_a_window_is_warmed(engine: LlamaEngine) -> None:
    """A request that comes during a warm-up is answered before the warm-up ends, which then ends by itself."""
    long, short = await window(engine, "warmed", 800), await window(engine, "asked", 12)
    warm = asyncio.create_task(collect(engine, Generation(long, 0)))
    await asyncio.sleep(0.05)
    for _ in range(3):
        await collect(engine, Generation(short, 4, GREEDY))
    assert not warm.done()
    async with asyncio.timeout(60):
        finish = (await warm).finish
    assert (finish.reason, finish.completion_tokens, finish.prompt_tokens) == ("length", 0, len(long))
    assert await evaluated(engine, [*long, 81]) <= 2


async def test_a_request_takes_over_what_a_warm_up_has_read(engine: LlamaEngine) -> None:
    """Whoever types before a window is warm finds what is done, and the warm-up is done with it."""
    prompt = await window(engine, "overtaken", 800)
    warm = asyncio.create_task(collect(engine, Generation(prompt, 0)))
    async with asyncio.timeout(30):
        while not any(len(slot.held) and not slot.busy for slot in engine._now().pool.slots):
            await asyncio.sleep(0.005)
        out = await collect(engine, Generation(prompt, 1, GREEDY))
        await warm
    assert out.finish.cached_tokens < len(prompt)
    assert await evaluated(engine, prompt) == 1


async def test_a_warm_window_is_not_read_again(engine: LlamaEngine) -> None:
    """Warming up what is warm needs no slot at all."""
    prompt = await window(engine, "warm")
    await collect(engine, Generation(prompt, 0))
    out = await collect(engine, Generation(prompt, 0))
    assert out.finish.cached_tokens == len(prompt)


@pytest.mark.parametrize("length", [20, 1500], ids=["decode", "prefill"])
async def test_closing_ends_the_work_inside_llama(engine: LlamaEngine, length: int) -> None:
    """Llama.cpp itself soon works in no slot any more; how soon is the contract's business."""
    wire = engine._now().wire
    generation = Generation(await window(engine, "closed", length), 500, Sampling(temperature=1.0))
    task = asyncio.create_task(collect(engine, generation))
    async with asyncio.timeout(20):
        while not await wire.busy_slots():
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.1)
        assert not task.done()
        task.cancel()
        closed = time.monotonic()
        while await wire.busy_slots():
            await asyncio.sleep(0.002)
    print(f"free after {1000 * (time.monotonic() - closed):.0f} ms")
    assert task.done()


async def emoji(engine: LlamaEngine, *, logprobs: int | None) -> Outcome:
    bias = dict.fromkeys(FISH, 100.0)
    prompt = await engine.tokenize("Smile:")
    return await collect(
        engine, Generation(prompt, 6, Sampling(temperature=1.0, seed=5, logit_bias=bias), logprobs=logprobs)
    )


async def test_parts_of_characters_have_logprobs_too(engine: LlamaEngine) -> None:
    """Each token has one, spelt as bytes where it is no character, and no part of a character is shown."""
    out = await emoji(engine, logprobs=2)
    assert len(out.logprobs) == out.tokens == 6
    assert {logprob.token for logprob in out.logprobs} == {"bytes:\\x20\\xf0\\x9f\\x98", "bytes:\\x80"}
    assert all(logprob.logprob < 0 and len(logprob.top) == 2 for logprob in out.logprobs)
    assert set(out.text) <= {" ", "😀"}
    assert "😀" in out.text


async def test_asking_for_logprobs_does_not_change_the_text(engine: LlamaEngine) -> None:
    """One seed is one text, with and without log-probabilities, in parts of characters too."""
    with_them, without = await emoji(engine, logprobs=0), await emoji(engine, logprobs=None)
    assert with_them.text == without.text
    assert without.logprobs == []


async def test_logprobs_are_those_before_the_bias(engine: LlamaEngine) -> None:
    """A token that was forced has the log-probability that it would have had."""
    prompt = await engine.tokenize("def add(a, b):\n    return")
    free = (await collect(engine, Generation(prompt, 1, GREEDY, logprobs=20))).logprobs[0]
    (token,) = await engine.tokenize(free.top[7][0])
    forced = await collect(
        engine, Generation(prompt, 1, Sampling(temperature=0.0, logit_bias={token: 100.0}), logprobs=0)
    )
    assert forced.logprobs[0].token == free.top[7][0]
    assert forced.logprobs[0].logprob == pytest.approx(free.top[7][1], abs=1e-3)


async def test_steps_and_stream_say_the_same(engine: LlamaEngine) -> None:
    """Greedy is greedy, whether token by token or in one go."""
    generation = Generation(await window(engine, "same", 60), 16, GREEDY)
    streamed, stepped = (
        await collect(engine, generation),
        await collect(engine, replace(generation, logprobs=1)),
    )
    assert streamed.text == stepped.text
    assert streamed.finish.completion_tokens == stepped.finish.completion_tokens


async def test_penalties_count_what_was_drawn_only(engine: LlamaEngine) -> None:
    """What the prompt repeats is not held against the first token; what is drawn is, from then on."""
    prompt = await engine.tokenize("spam spam spam spam spam spam spam spam")
    plain = await collect(engine, Generation(prompt, 8, GREEDY))
    assert plain.text.startswith(" spam spam")
    punished = await collect(engine, Generation(prompt, 8, replace(GREEDY, frequency_penalty=2.0)))
    assert punished.text.startswith(" spam")
    assert punished.text.count("spam") < plain.text.count("spam")
    present = await collect(engine, Generation(prompt, 8, replace(GREEDY, presence_penalty=2.0)))
    assert present.text.startswith(" spam")


@pytest.mark.parametrize("logprobs", [None, 0])
@pytest.mark.parametrize("token", [FILE_SEPARATOR, 2, 0])
async def test_tokens_between_files_end_the_text(
    engine: LlamaEngine, token: int, logprobs: int | None
) -> None:
    """End of text, of a turn, of a file: nothing of them is shown or counted, and nothing comes after them."""
    sampling = Sampling(temperature=0.0, logit_bias={token: 100.0})
    out = await collect(engine, Generation(await engine.tokenize("x = 1\n"), 8, sampling, logprobs=logprobs))
    assert (out.text, out.tokens, out.finish.completion_tokens, out.finish.reason) == ("", 0, 0, "stop")


async def test_nothing_bends_the_distribution(engine: LlamaEngine) -> None:
    """At temperature 1 a likely token comes as often as its probability says: no hidden top-k, top-p or min-p."""
    prompt = await engine.tokenize("My name is")
    out = await collect(engine, Generation(prompt, 1, GREEDY, logprobs=20))
    listed = {token for token, _ in out.logprobs[0].top}
    drawn = [
        (await collect(engine, Generation(prompt, 1, Sampling(temperature=1.0, seed=seed)))).text
        for seed in range(60)
    ]
    tail = 1 - sum(math.exp(value) for _, value in out.logprobs[0].top)
    beyond = sum(text not in listed for text in drawn) / len(drawn)
    assert tail > 0.2, "the test needs a prompt with many ways to go on"
    assert abs(beyond - tail) < 0.25


NEUTRAL = {
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "top_n_sigma": -1.0,
    "repeat_penalty": 1.0,
    "repeat_last_n": 0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "xtc_probability": 0.0,
    "dynatemp_range": 0.0,
    "mirostat": 0,
    "ignore_eos": False,
    "n_keep": 0,
    "samplers": ["temperature", "top_k", "top_p"],
}
"""What llama.cpp must have understood when a request asks for nothing special."""


async def test_llama_understands_what_is_neutral(engine: LlamaEngine) -> None:
    """Its own account of a request's settings has none of its defaults that would bend the text."""
    wire = engine._now().wire
    body = {**llama_wire.NEUTRAL, **sampling_fields(Sampling()), "prompt": [81], "n_predict": 1, "id_slot": 0}
    del body["response_fields"]
    settings = (await wire._client.post("/completion", json=body)).json()["generation_settings"]
    assert {name: settings[name] for name in NEUTRAL} == NEUTRAL
    assert settings["temperature"] == 1.0


async def test_the_listener_is_ours_alone(engine: LlamaEngine) -> None:
    """It is on loopback and asks for a key that nobody is told."""
    client = engine._now().wire._client
    assert client.base_url.host == "127.0.0.1"
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as stranger:
        answer = await stranger.post("/completion", json={"prompt": "x", "n_predict": 1})
    assert answer.status_code == httpx.codes.UNAUTHORIZED


async def test_stopping_ends_what_runs(default_model: LocalModel) -> None:
    """A generation under way, one that waits for a slot and a warm-up all hear that the engine is gone; at once."""
    engine = LlamaEngine(LlamaSettings(default_model.path, "x", slots=1, cache_mib=0))
    await engine.start()
    items = engine.generate(Generation([81, 82], 2000, GREEDY))
    await anext(items)
    others = [
        asyncio.create_task(collect(engine, Generation([number + 90] * 20, tokens)))
        for number, tokens in enumerate((4, 0))
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await engine.stop()
        with pytest.raises(EngineUnavailable):
            await exhaust(items)
        for other in others:
            with pytest.raises(EngineUnavailable):
                await other


async def test_our_signal_handlers_survive_the_start(default_model: LocalModel) -> None:
    """Llama.cpp takes SIGTERM for itself; after the start it is ours again."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        engine = LlamaEngine(LlamaSettings(default_model.path, "x", cache_mib=0))
        await engine.start()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        assert heard == [signal.SIGTERM]
        await engine.probe()
        await engine.stop()
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_signals_that_were_taken_are_given_back() -> None:
    """Whatever somebody else set meanwhile, the handlers of before are there afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    with taken_signals():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut", "directory", "vocabulary"])
async def test_what_is_no_model_is_named(kind: str, tmp_path: Path, default_model: LocalModel) -> None:
    """Each way in which a file can't be served gives an error that names the file."""
    path = tmp_path / "broken.gguf"
    match kind:
        case "empty":
            path.touch()
        case "text":
            path.write_text("hello " * 1000)
        case "cut":
            with default_model.path.open("rb") as whole:
                path.write_bytes(whole.read(20_000_000))
        case "directory":
            path.mkdir()
        case "vocabulary":
            write_empty_gguf(path)
    with pytest.raises(EngineError, match=r"broken\.gguf"):
        await LlamaEngine(LlamaSettings(path, "x")).start()


async def test_what_llama_refuses_is_named(tmp_path: Path, default_model: LocalModel) -> None:
    """A file that looks right, but that llama.cpp can't load, gives an error that names it, and ours still runs."""
    data = bytearray(default_model.path.read_bytes()[:])
    place = data.index(b"blk.0.attn_norm.weight")
    data[place : place + 5] = b"xyz.0"
    path = tmp_path / "odd.gguf"
    path.write_bytes(data)
    with pytest.raises(EngineError, match=r"odd\.gguf"):
        await LlamaEngine(LlamaSettings(path, "x")).start()


async def exhaust(items: AsyncIterator[Piece | Finish]) -> None:
    async for item in items:
        assert not isinstance(item, Finish)


def write_empty_gguf(path: Path) -> None:
    """A valid file with an architecture and nothing else."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
