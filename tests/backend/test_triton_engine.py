"""A converted CodeGen in a real Triton, unary and streaming, passes the contract of all engines."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from backend.engine_contract import GREEDY, EngineContract, collect
from harness.tiny_codegen import write_codegen
from harness.triton import TritonProcess
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.proxy.engines.base import Generation, Sampling
from pilotfish.backend.proxy.engines.triton import TritonEngine, TritonSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

FREE_WITHIN = 0.25 + 0.5
"""Triton's dynamic batcher looks every half second when it has missed that its only instance became free."""
NewEngine = Callable[[], TritonEngine]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen as it is converted for Triton's Python backend."""
    checkpoint = write_codegen(tmp_path_factory.mktemp("codegen") / "tiny", rows=50296)
    out = checkpoint.with_name("repository")
    convert(ConvertOptions(checkpoint=checkpoint, out=out, target="ctranslate2"))
    return out


@pytest.fixture(scope="module")
def unary(repository: Path) -> Iterator[TritonProcess]:
    with TritonProcess(repository) as triton:
        yield triton


@pytest.fixture(scope="module")
def decoupled(repository: Path) -> Iterator[TritonProcess]:
    with TritonProcess(repository, config_name="decoupled") as triton:
        yield triton


def engine_of(triton: TritonProcess) -> TritonEngine:
    tokenizer = triton.repository / "fastertransformer" / "tokenizer"
    return TritonEngine(TritonSettings(urls=(triton.url,), name="tiny", tokenizer=tokenizer))


@asynccontextmanager
async def started(triton: TritonProcess) -> AsyncIterator[TritonEngine]:
    engine = engine_of(triton)
    await engine.start()
    yield engine
    await engine.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unary_engine(unary: TritonProcess) -> AsyncIterator[TritonEngine]:
    async with started(unary) as engine:
        yield engine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoupled_engine(decoupled: TritonProcess) -> AsyncIterator[TritonEngine]:
    async with started(decoupled) as engine:
        yield engine


class TestUnary(EngineContract):
    """A server that gives a text in one answer."""

    streams = False
    free_within = FREE_WITHIN

    @pytest.fixture
    def engine(self, unary_engine: TritonEngine) -> TritonEngine:
        return unary_engine

    @pytest.fixture
    def new_engine(self, unary: TritonProcess) -> NewEngine:
        return lambda: engine_of(unary)

    async def test_a_text_is_one_piece(self, engine: TritonEngine) -> None:
        """There is nothing to show before the end."""
        out = await collect(engine, Generation(await self.prompt(engine), 8, GREEDY))
        assert [piece.tokens for piece in out.pieces] == [8]


class TestDecoupled(EngineContract):
    """A server that gives token after token."""

    @pytest.fixture
    def engine(self, decoupled_engine: TritonEngine) -> TritonEngine:
        return decoupled_engine

    @pytest.fixture
    def new_engine(self, decoupled: TritonProcess) -> NewEngine:
        return lambda: engine_of(decoupled)

    async def test_tokens_come_one_by_one(self, engine: TritonEngine) -> None:
        """Each has a piece of its own."""
        out = await collect(engine, Generation(await self.prompt(engine), 8, GREEDY))
        assert [piece.tokens for piece in out.pieces] == [1] * 8

    async def test_a_stop_sequence_ends_it_at_the_server(self, engine: TritonEngine) -> None:
        """What the caller stops at is the last that the server generates."""
        prompt = await self.prompt(engine)
        free = await collect(engine, Generation(prompt, 12, GREEDY))
        stop = free.pieces[4].text
        out = await collect(engine, Generation(prompt, 12, GREEDY, stops=(stop,)))
        assert out.text == free.text[: len(out.text)]
        assert out.text.endswith(stop)
        assert (out.finish.reason, out.tokens <= 5) == ("stop", True)

    async def test_the_end_of_a_text_is_no_text(self, engine: TritonEngine) -> None:
        """The token that ends a text is neither shown nor counted."""
        biased = Sampling(temperature=0.0, logit_bias={50256: 1000.0})
        out = await collect(engine, Generation(await self.prompt(engine), 5, biased, logprobs=1))
        assert (out.text, out.finish.reason, out.tokens, out.logprobs) == ("", "stop", 0, [])


async def test_both_say_the_same(unary_engine: TritonEngine, decoupled_engine: TritonEngine) -> None:
    """Whether tokens come one by one does not change them, nor their log-probabilities."""
    prompt = await unary_engine.tokenize("class Fish:\n\tdef __init__(self):\n")
    generation = Generation(prompt, 16, GREEDY, logprobs=2)
    one, two = await collect(unary_engine, generation), await collect(decoupled_engine, generation)
    assert one.text == two.text
    assert one.logprobs == two.logprobs
