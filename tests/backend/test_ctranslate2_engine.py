"""CTranslate2 in process passes the contract of all engines, and says exactly what the reference decoder says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.engine_contract import GREEDY, EngineContract, close, collect, first_piece
from harness.greedy import greedy
from harness.tiny_codegen import write_codegen
from pilotfish.backend.converter.architecture import read_architecture
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.converter.reference_weights import checkpoint_weights
from pilotfish.backend.converter.source import open_checkpoint
from pilotfish.backend.proxy.engines.base import (
    EngineError,
    EngineRefusal,
    EngineUnavailable,
    Generation,
    Sampling,
)
from pilotfish.backend.proxy.engines.ctranslate2 import CTranslate2Engine, CTranslate2Settings
from pilotfish.backend.proxy.engines.detokenizer import Detokenizer
from pilotfish.backend.proxy.engines.tokenizer import Tokenizer

END = 50256
TEXTS = [
    "def add(a, b):\n    return",
    "",
    "class Fish:\n\tdef __init__(self):\n\t\tself.",
    "🐟 = ",
    "x" * 200,
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen with as many rows as its tokenizer has entries."""
    return write_codegen(tmp_path_factory.mktemp("codegen") / "tiny", rows=50295)


@pytest.fixture(scope="module")
def repository(checkpoint: Path) -> Path:
    """The same, converted."""
    out = checkpoint.with_name("repository")
    convert(ConvertOptions(checkpoint=checkpoint, out=out, target="ctranslate2"))
    return out


@pytest.fixture
def new_engine(repository: Path) -> Callable[[], CTranslate2Engine]:
    return lambda: CTranslate2Engine(CTranslate2Settings(repository, "tiny", threads=1))


@pytest.fixture
async def engine(new_engine: Callable[[], CTranslate2Engine]) -> AsyncIterator[CTranslate2Engine]:
    engine = new_engine()
    await engine.start()
    yield engine
    await engine.stop()


class TestCTranslate2Engine(EngineContract):
    """The contract."""


@pytest.mark.parametrize("text", TEXTS)
async def test_greedy_is_the_references(engine: CTranslate2Engine, checkpoint: Path, text: str) -> None:
    """Every token is the one that the checkpoint's own numbers make the likeliest."""
    prompt = await engine.tokenize(text)
    with open_checkpoint(checkpoint) as opened:
        weights = checkpoint_weights(opened, read_architecture(opened.config, opened.tensors))
        expected = greedy(weights, prompt or [END], 12, END)
    out = await collect(engine, Generation(prompt, 12, GREEDY))
    tokenizer = Tokenizer.load(checkpoint)
    assert out.text == Detokenizer(tokenizer).feed(expected)
    assert out.finish.completion_tokens == len([token for token in expected if token != END])


async def test_the_end_of_a_text_is_no_text(engine: CTranslate2Engine) -> None:
    """The token that ends a text is not counted and has no log-probability; the reason is "stop"."""
    end = Sampling(temperature=0.0, logit_bias={END: 1000.0})
    out = await collect(engine, Generation(await engine.tokenize("x ="), 5, end, logprobs=1))
    assert (out.text, out.finish.reason, out.tokens, out.logprobs) == ("", "stop", 0, [])


@pytest.mark.parametrize(
    ("generation", "field"),
    [
        (Generation([1], 2048), "max_tokens"),
        (Generation([], 2048), "max_tokens"),
        (Generation([1], 1, logprobs=21), "logprobs"),
        (Generation([1], 1, Sampling(logit_bias={50295: 1.0})), "logit_bias"),
        (Generation([1], 1, suffix=[]), "suffix"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(
    engine: CTranslate2Engine, generation: Generation, field: str
) -> None:
    """The client learns which field to change."""
    with pytest.raises(EngineRefusal) as refusal:
        await collect(engine, generation)
    assert refusal.value.field == field


async def test_the_whole_context_can_be_used(engine: CTranslate2Engine) -> None:
    """A prompt and its completion may fill the context to the last token."""
    prompt = (await engine.tokenize("x = 1\n") * 1000)[:2045]
    out = await collect(engine, Generation(prompt, 3, GREEDY))
    assert out.finish.completion_tokens == 3


async def test_any_seed_is_taken(engine: CTranslate2Engine) -> None:
    """OpenAI's seeds may be negative or large."""
    for seed in (-1, 2**63 - 1, 0):
        await collect(engine, Generation([1], 2, Sampling(seed=seed)))


async def test_cancelling_what_waits_starts_nothing(engine: CTranslate2Engine) -> None:
    """A request that gives up before its turn leaves the slots to the others."""
    busy = [engine.generate(Generation([1], 1000, Sampling(seed=slot))) for slot in range(2)]
    for items in busy:
        await first_piece(items)
    waiting = [asyncio.create_task(collect(engine, Generation([2], 1))) for _ in range(20)]
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    for items in busy:
        await close(items)
    async with asyncio.timeout(5):
        await asyncio.gather(*(collect(engine, Generation([3], 1)) for _ in range(4)))


async def test_stopping_ends_what_runs_and_what_waits(new_engine: Callable[[], CTranslate2Engine]) -> None:
    """Nobody is left waiting for an engine that is gone."""
    engine = new_engine()
    await engine.start()
    tasks = [
        asyncio.create_task(collect(engine, Generation([1], 2000, Sampling(temperature=1.0))))
        for _ in range(300)
    ]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await engine.stop()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, EngineUnavailable) for outcome in outcomes), outcomes


async def test_typing_on_reads_only_what_is_new(engine: CTranslate2Engine) -> None:
    """The beginning that prompts share is kept, counted as such with the first piece, and changes no text."""
    text = "def area(width, height):\n    return width * height\n\n\n" * 6
    prompts = [await engine.tokenize(text + "print(area(1, 2)"[:typed]) for typed in (5, 6, 11, 16)]
    outs = [await collect(engine, Generation(prompt, 4, GREEDY)) for prompt in prompts]
    cached = [out.finish.cached_tokens for out in outs]
    assert cached[:2] == [0, 0], "what only one prompt has is not kept"
    assert all(64 <= count < len(prompts[0]) for count in cached[2:]), cached
    assert [out.pieces[0].cached_tokens for out in outs] == cached
    plain = CTranslate2Engine(replace(engine._settings, kept_megabytes=0))
    await plain.start()
    assert [(await collect(plain, Generation(prompt, 4, GREEDY))).text for prompt in prompts] == [
        out.text for out in outs
    ]
    await plain.stop()


def settings(path: Path, tokenizer: Path | None = None) -> CTranslate2Settings:
    return CTranslate2Settings(path, "tiny", tokenizer=tokenizer, threads=1)


async def test_a_bare_folder_runs_too(repository: Path) -> None:
    """What CTranslate2 calls a model is enough, with a tokenizer; the context can be made smaller."""
    model = repository / "fastertransformer"
    place = replace(settings(model / "1" / "weights", model / "tokenizer"), context=300)
    engine = CTranslate2Engine(place)
    await engine.start()
    assert engine.capabilities.context_length == 300
    assert (await collect(engine, Generation(await engine.tokenize("def"), 3, GREEDY))).tokens == 3
    await engine.stop()


async def test_what_does_not_run_here_is_said(repository: Path, tmp_path: Path, checkpoint: Path) -> None:
    """The error names what is missing and what to do about it."""

    async def refused(wrong: CTranslate2Settings, *words: str) -> None:
        with pytest.raises(EngineError) as error:
            await CTranslate2Engine(wrong).start()
        assert all(word in str(error.value) for word in words), str(error.value)

    model = repository / "fastertransformer"
    await refused(settings(tmp_path), str(tmp_path), "no model for CTranslate2", "--target ctranslate2")
    await refused(settings(checkpoint), str(checkpoint), "no model for CTranslate2")
    await refused(settings(model / "1" / "weights"), "tokenizer.json", "--tokenizer")
    await refused(settings(repository, tmp_path / "none"), str(tmp_path / "none"), "--tokenizer")

    (tmp_path / "pilotfish.json").write_text(json.dumps({"target": "fastertransformer"}))
    await refused(settings(tmp_path), "converted for fastertransformer")
    (tmp_path / "pilotfish.json").write_text("[]")
    await refused(settings(tmp_path), "pilotfish.json is damaged")

    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("vocabulary.json", "config.json"):
        (broken / name).write_bytes((model / "1" / "weights" / name).read_bytes())
    (broken / "model.bin").write_bytes((model / "1" / "weights" / "model.bin").read_bytes()[:-1000])
    await refused(settings(broken, model / "tokenizer"), str(broken / "model.bin"))


async def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """Ids that the model has no row for would be errors in the middle of somebody's work."""
    small = write_codegen(tmp_path / "small", rows=50257)
    convert(ConvertOptions(checkpoint=small, out=tmp_path / "out", target="ctranslate2"))
    other = write_codegen(tmp_path / "other", rows=50295) / "tokenizer.json"
    with pytest.raises(EngineError, match=r"has 50295 tokens, the model only 50257"):
        await CTranslate2Engine(settings(tmp_path / "out", other)).start()
