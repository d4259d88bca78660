"""What every engine must do, whatever is behind it.

Subclass ``EngineContract`` in a test file and give it two fixtures: ``engine``, a started engine with at
least two slots, and ``new_engine``, a function that makes another, not yet started, of the same kind. An
engine without a delay of its own needs a slow variant for the cancellation tests: see ``long_prompt``.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest

from pilotfish.backend.proxy.engines.base import (
    Engine,
    EngineRefusal,
    EngineUnavailable,
    Finish,
    Generation,
    Piece,
    Sampling,
    TokenLogprob,
)

GREEDY = Sampling(temperature=0.0)
TEXTS = [
    "",
    "x",
    "def fibonacci(n):\n    if n < 2:\n\treturn n\r\n",
    " leading and trailing  ",
    "emoji 🐟🏳️‍🌈, 漢字とかな, ümläut, Ελλάδα",
    "<|endoftext|> <|fim_prefix|> <s> </s> [INST]",
    "a\x00b",
    "\n\n\n",
]


@dataclass(frozen=True)
class Outcome:
    """Everything that a generation gave."""

    pieces: list[Piece]
    finish: Finish

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def tokens(self) -> int:
        return sum(piece.tokens for piece in self.pieces)

    @property
    def logprobs(self) -> list[TokenLogprob]:
        return [logprob for piece in self.pieces for logprob in piece.logprobs]


async def collect(engine: Engine, generation: Generation) -> Outcome:
    """Run a generation to its end; fails if anything comes after ``Finish`` or none comes."""
    pieces: list[Piece] = []
    finish: Finish | None = None
    async for item in engine.generate(generation):
        assert finish is None, "nothing comes after Finish"
        if isinstance(item, Finish):
            finish = item
        else:
            pieces.append(item)
    assert finish is not None, "Finish is the last item"
    return Outcome(pieces, finish)


async def first_piece(items: AsyncIterator[Piece | Finish]) -> Piece:
    """The first piece that stands for a token (an engine may send empty ones while it reads the prompt)."""
    async for item in items:
        if isinstance(item, Piece) and item.tokens > 0:
            return item
    raise AssertionError("no piece came")


class EngineContract:
    """Subclass it as ``class TestMyEngine(EngineContract)``."""

    long_prompt = 1500
    """Tokens of a prompt whose prefill takes longer than half a second, within the context."""
    streams = True
    """Whether the first token comes before the last; an engine that gives the whole text at once says False."""
    free_within = 0.25
    """Seconds from a cancel until the slot serves another request, over what that request costs when idle."""

    async def prompt(self, engine: Engine, text: str = "def add(a, b):\n    return") -> list[int]:
        """Token ids of a small piece of code."""
        return await engine.tokenize(text)

    async def cold_prompt(self, engine: Engine, mark: str) -> list[int]:
        """A long prompt that no cache has: it starts with a mark of its own."""
        filler = "".join(
            f"    value_{mark}_{line} = compute({line})\n" for line in range(self.long_prompt // 4)
        )
        tokens = await engine.tokenize(f"# {mark} {time.monotonic_ns()}\n{filler}")
        return tokens[: self.long_prompt]

    async def test_capabilities_are_sane(self, engine: Engine) -> None:
        """Names are given, and the numbers are those of something that can run."""
        can = engine.capabilities
        assert can.model
        assert can.engine
        assert can.context_length >= 256
        assert can.vocab_size > 0
        assert can.slots >= 2, "the contract needs two slots"
        assert can.logprobs is None or can.logprobs >= 0

    @pytest.mark.parametrize("text", TEXTS)
    async def test_texts_survive_the_round_trip(self, engine: Engine, text: str) -> None:
        """Tokenizing and detokenizing gives the text back; special tokens written out stay plain text."""
        tokens = await engine.tokenize(text)
        assert all(0 <= token < engine.capabilities.vocab_size for token in tokens)
        assert await engine.detokenize(tokens) == text
        if not text:
            assert tokens == [], "no token is added to a text"

    async def test_greedy_is_deterministic(self, engine: Engine) -> None:
        """Temperature 0 gives the same text each time."""
        generation = Generation(await self.prompt(engine), 12, GREEDY)
        one, two = await collect(engine, generation), await collect(engine, generation)
        assert one.text == two.text
        assert one.tokens > 0

    async def test_counts_are_right(self, engine: Engine) -> None:
        """Finish counts the prompt's tokens and the pieces' tokens, and the first piece knew the prompt's."""
        prompt = await self.prompt(engine)
        out = await collect(engine, Generation(prompt, 8, GREEDY))
        assert out.finish.completion_tokens == out.tokens <= 8
        # An engine may put a beginning-of-text token before the prompt, no more.
        assert len(prompt) <= out.finish.prompt_tokens <= len(prompt) + 1
        assert 0 <= out.finish.cached_tokens <= out.finish.prompt_tokens
        first = next(piece for piece in out.pieces if piece.tokens)
        assert (first.prompt_tokens, first.cached_tokens) == (
            out.finish.prompt_tokens,
            out.finish.cached_tokens,
        )

    @pytest.mark.parametrize("limit", [1, 2, 7])
    async def test_max_tokens_is_respected(self, engine: Engine, limit: int) -> None:
        """Never more tokens than asked for; the reason is "length" when they were all used."""
        out = await collect(engine, Generation(await self.prompt(engine), limit, GREEDY))
        assert out.tokens <= limit
        if out.finish.reason == "length":
            assert out.tokens == limit

    async def test_zero_tokens_generates_nothing(self, engine: Engine) -> None:
        """max_tokens 0 evaluates the prompt only; the next request finds it in the cache if there is one."""
        prompt = await self.prompt(engine, "class Warm:\n    value = 1\n\n    def get(self):\n        return")
        out = await collect(engine, Generation(prompt, 0, GREEDY))
        assert out.text == ""
        assert out.tokens == out.finish.completion_tokens == 0
        assert out.finish.reason == "length"
        if engine.capabilities.prefix_cache:
            again = await collect(engine, Generation(prompt, 1, GREEDY))
            assert again.finish.cached_tokens >= len(prompt) - 2

    async def test_empty_prompt_works(self, engine: Engine) -> None:
        """No prompt is the beginning of a text."""
        out = await collect(engine, Generation([], 4, GREEDY))
        assert out.finish.completion_tokens == out.tokens

    async def test_pieces_are_whole_characters(self, engine: Engine) -> None:
        """No half of a character is ever shown, also when the prompt makes emoji and CJK likely."""
        prompt = await self.prompt(
            engine, 'fish = ["🐟", "🐠", "🐡", "🦈", "🐟", "🐠", "🐡", "🦈", "漢字", "🐟", "'
        )
        out = await collect(engine, Generation(prompt, 12, GREEDY))
        for piece in out.pieces:
            assert "\ufffd" not in piece.text
            piece.text.encode()  # no lone surrogates

    async def test_suffix_is_used_or_refused(self, engine: Engine) -> None:
        """Fill-in-the-middle counts the suffix as prompt; an engine without it names the field."""
        prompt, suffix = await self.prompt(engine), await engine.tokenize("\n\nprint(add(1, 2))\n")
        middle = await engine.tokenize("    ret")
        generation = Generation(prompt, 4, GREEDY, suffix=suffix, middle=middle)
        if engine.capabilities.fim:
            out = await collect(engine, generation)
            assert out.finish.prompt_tokens >= len(prompt) + len(suffix) + len(middle)
        else:
            with pytest.raises(EngineRefusal) as refusal:
                await collect(engine, generation)
            assert refusal.value.field == "suffix"

    async def test_overlong_prompt_is_refused_by_name(self, engine: Engine) -> None:
        """What does not fit the context is refused, never cut silently."""
        prompt = (await self.prompt(engine)) * engine.capabilities.context_length
        with pytest.raises(EngineRefusal) as refusal:
            await collect(engine, Generation(prompt[: engine.capabilities.context_length + 1], 4, GREEDY))
        assert refusal.value.field in {"prompt", "max_tokens"}

    async def test_logprobs_are_true_or_refused(self, engine: Engine) -> None:
        """One for each token, none above 0, best first; the greedy token is the likeliest."""
        most = engine.capabilities.logprobs
        prompt = await self.prompt(engine)
        if most is None or most < 2:
            with pytest.raises(EngineRefusal) as refusal:
                await collect(engine, Generation(prompt, 4, GREEDY, logprobs=0 if most is None else most + 1))
            assert refusal.value.field == "logprobs"
            return
        out = await collect(engine, Generation(prompt, 6, GREEDY, logprobs=2))
        assert len(out.logprobs) == out.tokens > 0
        for chosen in out.logprobs:
            values = [value for _, value in chosen.top]
            assert len(values) == 2
            assert values == sorted(values, reverse=True)
            assert all(value <= 0 for value in [chosen.logprob, *values])
            assert chosen.logprob == pytest.approx(values[0], abs=1e-3)
            assert chosen.token == chosen.top[0][0]

    async def test_logprobs_zero_gives_the_chosen_token_only(self, engine: Engine) -> None:
        """0 asks for the chosen token's log-probability and no alternatives; none at all unless asked for."""
        if engine.capabilities.logprobs is None:
            return  # refused: see above
        generation = Generation(await self.prompt(engine), 3, GREEDY, logprobs=0)
        out = await collect(engine, generation)
        assert len(out.logprobs) == out.tokens > 0
        assert all(logprob.logprob <= 0 and len(logprob.top) == 0 for logprob in out.logprobs)
        assert (await collect(engine, replace(generation, logprobs=None))).logprobs == []

    async def test_logprobs_do_not_depend_on_sampling(self, engine: Engine) -> None:
        """They are the model's, before temperature, bias and penalties; what can't be told so is refused."""
        most = engine.capabilities.logprobs
        prompt = await self.prompt(engine)
        if most is None or most < 2:
            return  # without alternatives there is nothing that two samplings share
        greedy = await collect(engine, Generation(prompt, 1, GREEDY, logprobs=2))
        hot = await collect(engine, Generation(prompt, 1, Sampling(temperature=2.0, seed=1), logprobs=2))
        ours, theirs = greedy.logprobs[0].top, hot.logprobs[0].top
        assert [token for token, _ in ours] == [token for token, _ in theirs]
        assert [value for _, value in ours] == pytest.approx([value for _, value in theirs], abs=0.05)

    async def test_seed_makes_sampling_reproducible(self, engine: Engine) -> None:
        """One seed, one text; other seeds, other texts."""
        prompt = await self.prompt(engine)

        async def sample(seed: int) -> str:
            return (await collect(engine, Generation(prompt, 10, Sampling(temperature=1.5, seed=seed)))).text

        assert await sample(7) == await sample(7)
        assert len({await sample(seed) for seed in range(4)}) > 1

    @pytest.mark.parametrize(
        "sampling",
        [
            Sampling(top_k=1, seed=3),
            Sampling(temperature=2.0, top_p=0.0, seed=3),
            Sampling(temperature=2.0, top_k=40, top_p=0.0, seed=3),
            Sampling(temperature=1e-12, seed=3),
            Sampling(temperature=1e-12),
            Sampling(temperature=1e-40),
        ],
    )
    async def test_what_leaves_one_token_is_greedy(self, engine: Engine, sampling: Sampling) -> None:
        """The likeliest token always belongs to top_p, and a temperature may be as low as one likes."""
        prompt = await self.prompt(engine)
        greedy = await collect(engine, Generation(prompt, 6, GREEDY))
        assert (await collect(engine, Generation(prompt, 6, sampling))).text == greedy.text

    async def test_logit_bias_forbids_a_token(self, engine: Engine) -> None:
        """A bias of -100 keeps the likeliest first token from being drawn."""
        prompt = await self.prompt(engine)
        out = await collect(engine, Generation(prompt, 1, GREEDY))
        (banned, *_) = await engine.tokenize(out.text)
        biased = Sampling(temperature=0.0, logit_bias={banned: -100.0})
        assert (await collect(engine, Generation(prompt, 1, biased))).text != out.text

    @pytest.mark.parametrize(
        ("field", "value"),
        [("logit_bias", {5: 1.5}), ("presence_penalty", 0.5), ("frequency_penalty", 0.5)],
    )
    async def test_what_bends_the_logits_is_done_or_refused(
        self, engine: Engine, field: str, value: object
    ) -> None:
        """An engine that can't do it names the field; it never ignores it."""
        sampling = replace(GREEDY, **{field: value})  # type: ignore[arg-type]
        generation = Generation(await self.prompt(engine), 2, sampling)
        refused: str | None = None
        try:
            await collect(engine, generation)
        except EngineRefusal as refusal:
            refused = refusal.field
        assert refused in {None, field}

    async def test_slots_run_at_once(self, engine: Engine) -> None:
        """As many generations as there are slots give their first token before any has ended."""
        generations = [
            engine.generate(Generation(await self.prompt(engine, f"{i} = ["), 64, GREEDY))
            for i in range(engine.capabilities.slots)
        ]
        try:
            async with asyncio.timeout(20):
                await asyncio.gather(*(first_piece(items) for items in generations))
        finally:
            for items in generations:
                await close(items)

    async def test_more_requests_than_slots_are_all_served(self, engine: Engine) -> None:
        """What finds no free slot waits for one."""
        prompt = await self.prompt(engine)
        async with asyncio.timeout(60):
            outs = await asyncio.gather(
                *(
                    collect(engine, Generation(prompt, 4, GREEDY))
                    for _ in range(engine.capabilities.slots * 2 + 1)
                )
            )
        assert len({out.finish.prompt_tokens for out in outs}) == 1

    @pytest.mark.parametrize("phase", ["prefill", "decode"])
    async def test_cancelling_frees_the_slot(self, engine: Engine, phase: str) -> None:
        """With every slot busy, closing them lets a waiting request through in time, in prefill too."""
        small = Generation(await self.prompt(engine, "y ="), 1, GREEDY)
        await collect(engine, small)
        started = time.monotonic()
        await collect(engine, small)
        idle = time.monotonic() - started

        arrived = [asyncio.Event() for _ in range(engine.capabilities.slots)]
        tasks = [
            asyncio.create_task(self._occupy(engine, f"{phase}{i}", phase, event))
            for i, event in enumerate(arrived)
        ]
        if phase == "decode" and self.streams:
            async with asyncio.timeout(20):
                await asyncio.gather(*(event.wait() for event in arrived))
        else:
            await asyncio.sleep(0.1)  # half a second's work is on its way by now
        waiting = asyncio.create_task(collect(engine, small))
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in tasks), (
            "they must still be running: is long_prompt long enough?"
        )
        cancelled = time.monotonic()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        async with asyncio.timeout(20):
            await waiting
        took = time.monotonic() - cancelled
        print(f"{phase}: served {1000 * took:.0f} ms after the cancel (idle: {1000 * idle:.0f} ms)")
        assert took <= self.free_within + idle

    async def _occupy(self, engine: Engine, mark: str, phase: str, arrived: asyncio.Event) -> None:
        """Keep a slot busy until cancelled; tell when the first token has come."""
        prompt = (
            await self.cold_prompt(engine, mark) if phase == "prefill" else await self.prompt(engine, mark)
        )
        room = engine.capabilities.context_length - len(prompt) - 2
        items = engine.generate(Generation(prompt, min(room, 1000), Sampling(temperature=1.0, seed=1)))
        try:
            await first_piece(items)
            arrived.set()
            async for _ in items:
                pass
        finally:
            await close(items)

    async def test_closing_the_iterator_ends_the_generation(self, engine: Engine) -> None:
        """`aclose` in the middle of a stream returns soon and the engine serves the next request."""
        items = engine.generate(Generation(await self.prompt(engine), 200, GREEDY))
        await first_piece(items)
        async with asyncio.timeout(2):
            await close(items)
        await collect(engine, Generation(await self.prompt(engine), 1, GREEDY))

    async def test_probe_answers(self, engine: Engine) -> None:
        """A healthy engine's probe returns, and leaves a warm prompt warm."""
        prompt = await self.prompt(
            engine, "class Probe:\n    value = 1\n\n    def get(self):\n        return"
        )
        await collect(engine, Generation(prompt, 1, GREEDY))
        async with asyncio.timeout(10):
            await engine.probe()
        out = await collect(engine, Generation(prompt, 1, GREEDY))
        if engine.capabilities.prefix_cache:
            assert out.finish.cached_tokens >= len(prompt) - 2

    async def test_a_stopped_engine_says_so(self, new_engine: Callable[[], Engine]) -> None:
        """Stopping ends what runs; afterwards everything is EngineUnavailable; stopping twice is fine."""
        engine = new_engine()
        await engine.start()
        prompt = await self.prompt(engine)
        await engine.stop()
        await engine.stop()
        with pytest.raises(EngineUnavailable):
            await engine.probe()
        with pytest.raises(EngineUnavailable):
            await collect(engine, Generation(prompt, 1, GREEDY))


async def close(items: AsyncIterator[Piece | Finish]) -> None:
    """Close what ``Engine.generate`` gave, as the proxy does."""
    await items.aclose()  # type: ignore[attr-defined]
