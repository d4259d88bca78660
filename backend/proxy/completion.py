"""A request's texts, from the engine to events: slots, stop sequences, log-probabilities, ranking."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from .engines.base import Engine, Finish, FinishReason, Generation, Piece
from .fit import Fit, fit
from .logprobs import LogprobTrack
from .plan import Plan
from .slots import FairSlots
from .stops import StopMatcher


@dataclass(frozen=True, slots=True)
class Delta:
    """More text of one choice; the last one of each choice has a finish reason."""

    index: int
    text: str
    logprobs: dict[str, Any] | None = None
    finish_reason: FinishReason | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Token counts: a prompt counts once, however many texts are made of it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


Emit = Callable[[Delta], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the tokens come from, and who wants to know of each piece."""

    engine: Engine
    slots: FairSlots
    client: str
    on_piece: Callable[[Piece], None]


async def complete(plan: Plan, source: Source, emit: Emit) -> Spent:
    """Emit all choices, interleaved as their text comes; then give the counts.

    Raises ``ApiError`` or ``EngineError``. However it ends, nothing of it runs at the engine any more.
    """
    fitted = await fit(plan, source.engine)
    jobs = [
        _Job(
            index=number * plan.n + place,
            echo=prompt.echo,
            billed=place == 0,
            generation=_generation(plan, fitted, prompt.tokens, place),
        )
        for number, prompt in enumerate(fitted.prompts)
        for place in range(plan.best_of)
    ]
    if not plan.ranked:
        spent = await _all([_run(job, plan, source, emit) for job in jobs])
        return sum((one.spent for one in spent), Spent())
    return await _ranked(jobs, plan, source, emit)


async def _ranked(jobs: Sequence["_Job"], plan: Plan, source: Source, emit: Emit) -> Spent:
    """Run all, emit the ``n`` best of each prompt by mean log-probability."""
    kept: dict[int, list[Delta]] = {number: [] for number in range(len(jobs))}

    async def run(number: int, job: _Job) -> _Result:
        async def keep(delta: Delta) -> None:
            kept[number].append(delta)

        return await _run(job, plan, source, keep)

    results = await _all([run(number, job) for number, job in enumerate(jobs)])
    for prompt in range(len(plan.prompts)):
        rivals = range(prompt * plan.best_of, (prompt + 1) * plan.best_of)
        best = sorted(rivals, key=lambda number: results[number].mean_logprob, reverse=True)[: plan.n]
        for place, number in enumerate(best):
            for delta in kept[number]:
                await emit(replace(delta, index=prompt * plan.n + place))
    return sum((result.spent for result in results), Spent())


@dataclass(frozen=True, slots=True)
class _Job:
    index: int
    echo: str
    billed: bool  # whether this text's prompt tokens are counted
    generation: Generation


@dataclass(frozen=True, slots=True)
class _Result:
    spent: Spent
    mean_logprob: float


def _generation(plan: Plan, fitted: Fit, tokens: Sequence[int], place: int) -> Generation:
    return Generation(
        prompt=tokens,
        max_tokens=plan.max_tokens,
        sampling=plan.seeded(place),
        suffix=fitted.suffix,
        middle=fitted.middle,
        logprobs=0 if plan.ranked and plan.logprobs is None else plan.logprobs,
        stops=plan.stops,
    )


async def _run(job: _Job, plan: Plan, source: Source, emit: Emit) -> _Result:
    """Generate one text and emit what of it may be shown."""
    text = _Text(job, plan)
    items = cast("AsyncGenerator[Piece | Finish, None]", source.engine.generate(job.generation))
    async with source.slots.turn(source.client), aclosing(items):
        async for item in items:
            if isinstance(item, Piece):
                source.on_piece(item)
            if delta := text.take(item):
                await emit(delta)
            if text.finished:
                break
    return text.result()


class _Text:
    """One choice while it grows."""

    def __init__(self, job: _Job, plan: Plan) -> None:
        self._job = job
        self._matcher = StopMatcher(plan.stops)
        self._track = LogprobTrack(len(job.echo))
        self._shows_logprobs = plan.logprobs is not None
        self._shown = len(job.echo)
        self._echo = job.echo
        self._logprobs: list[float] = []
        self._spent = Spent(prompt_tokens=len(job.generation.prompt))
        self.finished = False

    def take(self, item: Piece | Finish) -> Delta | None:
        """What the engine's next item adds to the shown text, if anything."""
        if isinstance(item, Finish):
            self._count(item.prompt_tokens, item.cached_tokens, item.completion_tokens)
            return self._delta(self._matcher.rest(), item.reason, cut=False)
        self._count(item.prompt_tokens, item.cached_tokens, self._spent.completion_tokens + item.tokens)
        self._logprobs += [logprob.logprob for logprob in item.logprobs]
        self._track.add(item)
        shown, stopped = self._matcher.feed(item.text)
        if stopped:
            return self._delta(shown, "stop", cut=True)
        return self._delta(shown, None, cut=True) if shown or self._echo else None

    def result(self) -> _Result:
        """The counts, and how likely the text was."""
        mean = sum(self._logprobs) / len(self._logprobs) if self._logprobs else float("-inf")
        spent = self._spent if self._job.billed else Spent(completion_tokens=self._spent.completion_tokens)
        return _Result(spent, mean)

    def _delta(self, shown: str, reason: FinishReason | None, *, cut: bool) -> Delta:
        self._shown += len(shown)
        text, self._echo = self._echo + shown, ""
        logprobs = self._track.take(self._shown if cut else None) if self._shows_logprobs else None
        self.finished = reason is not None
        return Delta(self._job.index, text, logprobs, reason)

    def _count(self, prompt: int | None, cached: int | None, completion: int) -> None:
        known = self._spent
        self._spent = Spent(
            known.prompt_tokens if prompt is None else prompt,
            completion,
            known.cached_tokens if cached is None else cached,
        )


async def _all(coroutines: Sequence[Coroutine[Any, Any, _Result]]) -> list[_Result]:
    """Run together; the first error ends the others."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
