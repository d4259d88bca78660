"""The in-memory engine passes the contract of all engines, and is the stand-in that its settings describe."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from backend.engine_contract import GREEDY, EngineContract, collect
from pilotfish.backend.proxy.engines.base import EngineError, Generation, Sampling
from pilotfish.backend.proxy.engines.memory import Cancellation, Failure, MemoryEngine, MemorySettings


class TestMemoryEngine(EngineContract):
    """The contract, with delays like a small model's."""

    @pytest.fixture
    async def engine(self, new_engine: Callable[[], MemoryEngine]) -> AsyncIterator[MemoryEngine]:
        engine = new_engine()
        await engine.start()
        yield engine
        await engine.stop()

    @pytest.fixture
    def new_engine(self) -> Callable[[], MemoryEngine]:
        return lambda: MemoryEngine(MemorySettings(prefill_seconds=0.001, decode_seconds=0.002))


async def started(**settings: object) -> MemoryEngine:
    engine = MemoryEngine(MemorySettings(**settings))  # type: ignore[arg-type]
    await engine.start()
    return engine


async def test_script_is_what_greedy_says() -> None:
    """At temperature 0 the script comes out word for word, then the end."""
    engine = await started(script="return x 🐟\n")
    out = await collect(engine, Generation(await engine.tokenize("def f(x):\n    "), 40, GREEDY))
    assert (out.text, out.finish.reason) == ("return x 🐟\n", "stop")


async def test_half_a_character_is_never_shown() -> None:
    """max_tokens that ends inside an emoji shows nothing of it."""
    engine = await started(script="🐟")
    out = await collect(engine, Generation([], 3, GREEDY))
    assert (out.text, out.finish.reason, out.finish.completion_tokens) == ("", "length", 3)


@pytest.mark.parametrize("sampling", [Sampling(top_k=1, seed=1), Sampling(top_p=0.0, seed=1)])
async def test_top_k_and_top_p_narrow_to_the_likeliest(sampling: Sampling) -> None:
    """With one candidate left, sampling is greedy."""
    engine = await started()
    greedy = await collect(engine, Generation([], 10, GREEDY))
    assert (await collect(engine, Generation([], 10, sampling))).text == greedy.text


async def test_penalties_change_the_text() -> None:
    """A strong frequency penalty keeps greedy from repeating itself."""
    engine = await started()
    plain = await collect(engine, Generation([], 24, GREEDY))
    varied = await collect(engine, Generation([], 24, Sampling(temperature=0.0, frequency_penalty=2.0)))
    assert plain.text != varied.text


async def test_cancellations_are_recorded() -> None:
    """What was closed early is known with its phase: the proxy's tests look at it."""
    engine = await started(decode_seconds=0.01)
    items = engine.generate(Generation([], 50, GREEDY))
    await anext(items)
    await items.aclose()  # type: ignore[attr-defined]
    assert engine.cancellations == [Cancellation("decode", 1)]
    assert engine.active == 0


@pytest.mark.parametrize("kind", ["error", "unavailable", "timeout"])
async def test_failures_come_when_told(kind: str) -> None:
    """A failure after one token lets one token through."""
    engine = await started()
    engine.failure = Failure(kind, after=1)  # type: ignore[arg-type]
    items = engine.generate(Generation([], 5, GREEDY))
    await anext(items)
    with pytest.raises(EngineError):
        await anext(items)
    with pytest.raises(EngineError):
        await engine.probe()


async def test_hanging_engine_can_be_cancelled() -> None:
    """A hang ends with the task that waits for it."""
    engine = await started()
    engine.failure = Failure("hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await collect(engine, Generation([], 5, GREEDY))
    assert engine.active == 0


async def test_load_failure_is_told() -> None:
    """`start` fails with the message that was set."""
    with pytest.raises(EngineError, match="no such file"):
        await started(load_failure="no such file: x.gguf")
