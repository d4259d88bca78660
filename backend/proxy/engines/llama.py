"""The engine ``llama``: GGUF models by llama.cpp, in this process."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from pilotfish.backend.models.fim_tokens import special_tokens

from .base import Capabilities, EngineError, EngineUnavailable, Finish, Generation, Piece
from .llama_prompt import RESERVED_TOKENS
from .llama_server import LlamaSettings, Loaded, load, unload
from .llama_slots import SlotPool, Speeds
from .llama_wire import LlamaWire
from .llama_work import Limits, Worker

__all__ = ["LlamaEngine", "LlamaSettings"]

_LOGPROBS = 20
_FIRST_TOKENS = 16  # of a prompt by which the speed is measured before anybody asks
_PROBE_SECONDS = 15.0


@dataclass(slots=True)
class _Running:
    """All that belongs to a loaded model."""

    loaded: Loaded
    wire: LlamaWire
    pool: SlotPool
    worker: Worker
    capabilities: Capabilities


class LlamaEngine:
    """``Engine`` over llama.cpp's own server, which listens on loopback with a random key."""

    def __init__(
        self,
        settings: LlamaSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_progress = on_progress
        self._running: _Running | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the loaded model can do. Raises ``EngineUnavailable`` before ``start`` has returned."""
        return self._now().capabilities

    async def start(self) -> None:
        """Load the model and make it say one token. Raises ``EngineError`` that names the file."""
        loaded = await load(self._settings, self._on_progress)
        wire = LlamaWire(loaded.address, loaded.key, answer_seconds=self._settings.answer_seconds)
        try:
            self._running = await self._ready(loaded, wire)
        except BaseException:
            await wire.close()
            await unload(loaded)
            raise

    async def stop(self) -> None:
        """End all generations and free the model. May be called twice."""
        running, self._running = self._running, None
        if running is None:
            return
        running.pool.close(_stopped())
        await running.wire.close()
        await unload(running.loaded)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text. Special tokens written out in the text are read as plain text."""
        return await self._now().wire.tokenize(text) if text else []

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of token ids."""
        return await self._now().wire.detokenize(tokens) if tokens else ""

    async def generate(self, generation: Generation) -> AsyncGenerator[Piece | Finish]:
        """See ``Engine.generate``."""
        async with aclosing(self._now().worker.generate(generation)) as items:
            async for item in items:
                yield item

    async def probe(self) -> None:
        """Get one real token without making any slot forget what it holds, or raise ``EngineError``."""
        await self._now().worker.probe(_PROBE_SECONDS)

    def _now(self) -> _Running:
        if self._running is None:
            raise _stopped()
        return self._running

    async def _ready(self, loaded: Loaded, wire: LlamaWire) -> _Running:
        special = special_tokens(loaded.metadata)
        slot_tokens = await wire.context_length()
        speeds = Speeds()
        try:
            plain = (await wire.tokenize("a"))[-1]
            first = special.start if special.start is not None else plain
            started = self._clock()
            await wire.complete(0, [first, *[plain] * (_FIRST_TOKENS - 1)], 1, sampling={"temperature": 0.0})
            speeds.saw_prefill(_FIRST_TOKENS, self._clock() - started)
        except (EngineError, IndexError) as error:
            raise EngineError(f"{self._settings.path} was loaded, but gives no token: {error}") from error
        context = min(loaded.fit.context_length, slot_tokens - RESERVED_TOKENS)
        limits = Limits(loaded.batch, context, loaded.metadata.vocab_size, plain)
        pool = SlotPool(self._settings.slots, speeds=speeds, clock=self._clock)
        return _Running(
            loaded=loaded,
            wire=wire,
            pool=pool,
            worker=Worker(wire, pool, speeds, special, limits, clock=self._clock),
            capabilities=Capabilities(
                model=self._settings.name,
                engine="llama",
                context_length=context,
                vocab_size=loaded.metadata.vocab_size,
                slots=self._settings.slots,
                device=loaded.device,
                fim=special.fim is not None,
                prefix_cache=True,
                logprobs=_LOGPROBS,
            ),
        )


def _stopped() -> EngineUnavailable:
    return EngineUnavailable("The engine is not running.")
