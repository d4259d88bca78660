"""Generations, warm-ups and probes on a running llama.cpp server.

Prompts are handed over in pieces, each sized by the time that it takes: llama.cpp finishes a piece once it has begun,
so a piece is how long a cancelled request can still hold its slot, and how long one slot can keep another waiting.
(Leaving it to llama.cpp to notice a closed connection costs up to two of its batches, however slow the machine.)
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from pilotfish.backend.models.fim_tokens import SpecialTokens

from .base import EngineRefusal, EngineTimeout, Finish, FinishReason, Generation, Piece
from .llama_prompt import lay_out
from .llama_slots import UNKNOWN, Lease, SlotPool, Speeds, shared_start
from .llama_steps import Steps, needs_steps
from .llama_wire import Ended, LlamaWire, Reading, sampling_fields

_ALONE = 0.12  # seconds that a piece may take while nothing else runs; others wait for its end
_TOGETHER = 0.05  # likewise while another request is worked on, or for a warm-up
_SHORTEST_PIECE = 16  # tokens; shorter ones cost more than they spare
_GREEDY = {"temperature": 0.0}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the loaded model and its server can take; tokens."""

    batch: int
    context_length: int
    """What a request and its answer may use of a slot; the layout's own tokens come on top."""
    vocab_size: int
    plain: int
    """A token that is a whole character."""


@dataclass(slots=True)
class _Job:
    """One request in its slot."""

    lease: Lease
    prompt: list[int]
    known: int
    """Tokens of the prompt that are in the slot's cache for sure."""
    cached: int | None = None
    """As llama.cpp told; None: not told yet."""
    drawn: list[int] = field(default_factory=list)
    finished: bool = False

    @property
    def held(self) -> list[int]:
        """What the slot's cache holds for sure."""
        return self.prompt[: self.known] + (self.drawn if self.known == len(self.prompt) else [])

    def read(self, known: int, cached: int) -> None:
        """Llama.cpp told how far it is; its first word about the cache is the one that counts."""
        self.known = known
        if self.cached is None:
            self.cached = cached

    def known_by(self, piece: Piece, *, first: bool) -> Piece:
        """The piece; the first one tells about the prompt."""
        return (
            replace(piece, prompt_tokens=len(self.prompt), cached_tokens=self._from_cache) if first else piece
        )

    def finish(self, reason: FinishReason, tokens: int) -> Finish:
        """The last item."""
        return Finish(reason, len(self.prompt), tokens, self._from_cache)

    @property
    def _from_cache(self) -> int:
        return self.lease.cached if self.cached is None else self.cached


class Worker:
    """Everything that is asked of one server."""

    def __init__(
        self,
        wire: LlamaWire,
        pool: SlotPool,
        speeds: Speeds,
        special: SpecialTokens,
        limits: Limits,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._wire = wire
        self._pool = pool
        self._speeds = speeds
        self._special = special
        self._limits = limits
        self._clock = clock
        self._one_warmup = asyncio.Lock()
        self._beats = 0
        self._beat = asyncio.Event()

    async def generate(self, generation: Generation) -> AsyncGenerator[Piece | Finish]:
        """See ``Engine.generate``."""
        prompt = lay_out(generation, self._special)
        self._check(generation)
        run = self._answer(prompt, generation) if generation.max_tokens else self._warm(prompt)
        async with aclosing(run) as items:
            async for item in items:
                yield item

    async def probe(self, seconds: float) -> None:
        """Get one real token: from an idle slot by going on with what it holds, or from those that are busy.

        Raises ``EngineTimeout`` after so many seconds without one, and what the server's failure means.
        """
        try:
            async with asyncio.timeout(seconds):
                while (lease := self._pool.take_idle()) is None:
                    seen = self._beats
                    await self._beat.wait()
                    if self._beats > seen:
                        return
        except TimeoutError:
            raise EngineTimeout(f"llama.cpp gave no token within {seconds:g} seconds.") from None
        held = lease.slot.held
        sure = held[: held.index(UNKNOWN)] if UNKNOWN in held else held
        known, used = sure[: self._limits.context_length], lease.slot.used
        try:
            await self._wire.complete(
                lease.slot.id, known or [self._special.start or self._limits.plain], 1, sampling=_GREEDY
            )
        finally:
            lease.release(known, used=used)

    def _check(self, generation: Generation) -> None:
        room = self._limits.context_length
        given = len(generation.prompt) + len(generation.suffix or ()) + len(generation.middle)
        if given > room:
            raise EngineRefusal(f"The prompt has {given} tokens; there is room for {room}.", field="prompt")
        if given + generation.max_tokens > room:
            message = f"After a prompt of {given} tokens there is room for {room - given} more."
            raise EngineRefusal(message, field="max_tokens")

    async def _answer(self, prompt: list[int], generation: Generation) -> AsyncGenerator[Piece | Finish]:
        lease = await self._pool.acquire(prompt, tokens=generation.max_tokens)
        job = _Job(lease, prompt, lease.cached)
        steps = needs_steps(generation)
        try:
            async with aclosing(self._read(job, all_of_it=steps)) as signs:
                async for sign in signs:
                    yield sign
            async with aclosing(
                self._by_steps(job, generation) if steps else self._stream(job, generation)
            ) as items:
                async for item in items:
                    if isinstance(item, Piece):
                        self._pulse()
                        lease.slot.left -= item.tokens
                    yield item
        finally:
            lease.release(job.held, early=not job.finished)
            self._pulse()

    async def _read(self, job: _Job, *, all_of_it: bool) -> AsyncGenerator[Piece]:
        """Bring the prompt into the cache but for its last piece, or all of it; an empty piece is a sign of life."""
        await self._restore(job)
        while (left := len(job.prompt) - job.known) > 0:
            size = self._piece(_TOGETHER if self._pool.crowded else _ALONE)
            if left <= size and not all_of_it:
                return
            await self._read_piece(job, size)
            yield Piece("", tokens=0)

    async def _read_piece(self, job: _Job, size: int) -> None:
        end = min(len(job.prompt), job.known + size)
        started = self._clock()
        answer = await self._wire.complete(job.lease.slot.id, job.prompt[:end], 0, sampling=_GREEDY)
        self._speeds.saw_prefill(answer.read, self._clock() - started)
        job.read(end, answer.cached)
        self._pulse()

    async def _restore(self, job: _Job) -> None:
        """Let llama.cpp bring a prompt back that lost its slot lately, if its copy is still there."""
        end = max((shared_start(old, job.prompt) for old in self._pool.evicted), default=0)
        if end < job.known + _SHORTEST_PIECE:
            return
        stream = self._wire.stream(job.lease.slot.id, job.prompt[:end], 0, sampling=_GREEDY)
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, Reading):
                    job.read(max(event.done, event.cached), event.cached)
                    if end - event.cached > self._piece(_TOGETHER):
                        return  # it is gone; go on in pieces

    async def _stream(self, job: _Job, generation: Generation) -> AsyncGenerator[Piece | Finish]:
        emitted, started = 0, self._clock()
        sampling = sampling_fields(generation.sampling)
        stream = self._wire.stream(job.lease.slot.id, job.prompt, generation.max_tokens, sampling=sampling)
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, Reading):
                    job.read(event.done, event.cached)
                    continue
                new = event.predicted - emitted
                if isinstance(event, Ended):
                    unseen = new - (event.stop == "eos")  # tokens of a character that was never finished
                    if unseen > 0:
                        yield job.known_by(Piece("", unseen), first=emitted == 0)
                        emitted += unseen
                    job.finished = True
                    yield job.finish("stop" if event.stop == "eos" else "length", emitted)
                    return
                job.known = len(job.prompt)
                if event.token in self._special.ends:
                    break
                if emitted == 0:
                    started = self._clock()
                job.drawn += [UNKNOWN] * (new - 1) + [event.token]
                # A byte that belongs to no character comes as U+FFFD: it is no text.
                yield job.known_by(Piece(event.text.replace("\ufffd", ""), new), first=emitted == 0)
                emitted += new
                self._speeds.saw_decode(emitted - 1, self._clock() - started)
        job.finished = True
        yield job.finish("stop", emitted)

    async def _by_steps(self, job: _Job, generation: Generation) -> AsyncGenerator[Piece | Finish]:
        steps = Steps(
            self._wire,
            job.lease.slot.id,
            ends=self._special.ends,
            plain=self._limits.plain,
            vocab_size=self._limits.vocab_size,
        )
        async with aclosing(steps.run(job.prompt, generation, job.drawn)) as pieces:
            async for piece in pieces:
                yield job.known_by(piece, first=len(job.drawn) == 1)
        job.finished = True
        tokens = len(job.drawn)
        yield job.finish("length" if tokens == generation.max_tokens else "stop", tokens)

    async def _warm(self, prompt: list[int]) -> AsyncGenerator[Piece | Finish]:
        """Read a prompt while nobody waits for an answer, one short piece after the other.

        Between two pieces the slot is free: a request for the same text takes over what has been read.
        """
        cached: int | None = None
        async with self._one_warmup:  # two at once would take each other's slot
            while not self._pool.holds(prompt):
                lease = await self._pool.acquire(prompt, tokens=0, background=True)
                job = _Job(lease, prompt, lease.cached)
                try:
                    await self._restore(job)
                    if job.known < len(prompt):
                        await self._read_piece(job, self._piece(_TOGETHER))
                    job.finished = True
                finally:
                    lease.release(job.held, early=not job.finished)
                cached = job.finish("length", 0).cached_tokens if cached is None else cached
                yield Piece("", tokens=0)
        yield Finish("length", len(prompt), 0, len(prompt) if cached is None else cached)

    def _piece(self, seconds: float) -> int:
        return min(self._limits.batch, max(_SHORTEST_PIECE, int(seconds * self._speeds.prefill)))

    def _pulse(self) -> None:
        """A token has come: whoever waits for a sign of life has one."""
        self._beats += 1
        self._beat.set()
        self._beat.clear()
