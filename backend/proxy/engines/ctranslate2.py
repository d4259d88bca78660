"""The engine ``ctranslate2``: a converted CodeGen or GPT-J by CTranslate2, in this process."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .base import (
    Capabilities,
    EngineError,
    EngineUnavailable,
    Finish,
    FinishReason,
    Generation,
    Piece,
    Sampling,
)
from .ct2_place import find_place
from .ct2_run import Run, row_of
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from pilotfish.backend.decoder.decoder import Decoder
    from pilotfish.backend.decoder.rows import Outcome

__all__ = ["CTranslate2Engine", "CTranslate2Settings"]

_LOGPROBS = 20
_LONG_TEXT = 4096  # characters from which on another thread tokenizes


@dataclass(frozen=True, slots=True)
class CTranslate2Settings:
    """Which model, and how it runs."""

    path: Path
    """A model repository with the target ``ctranslate2``, or a CTranslate2 folder."""
    name: str
    """The model's name, as requests and answers spell it."""
    tokenizer: Path | None = None
    """``tokenizer.json`` or its folder; None: where it usually is."""
    slots: int = 2
    """Requests that are decoded at once; the weights are in memory only once."""
    context: int | None = None
    """Tokens that prompt and completion share; None: all that the model has positions for."""
    threads: int | None = None
    """CPU threads of each slot; None: as many as help."""
    device: str = "auto"
    """``cpu``, ``cuda``, or ``auto``: a GPU if there is one."""
    compute_type: str = "default"
    """CTranslate2's name of what it computes in; ``default``: as the weights are stored, if the device can."""
    kept_megabytes: int = 512
    """Memory for beginnings of prompts, so that somebody who types on does not wait until all is read again: 3,000
    tokens of a CodeGen-350M, 240 of a 6B. 0: none."""


@dataclass(slots=True)
class _Running:
    """All that belongs to a loaded model."""

    decoder: "Decoder"
    tokenizer: Tokenizer
    capabilities: Capabilities
    free: asyncio.Semaphore
    """As many as there are slots. What waits here can be cancelled, what waits in the pool could not."""
    pool: ThreadPoolExecutor


class CTranslate2Engine:
    """``Engine`` over the decoder that also runs in Triton.

    A prompt is read in one go: a generation that is closed meanwhile frees its slot when the prompt has been read. For
    that reason the kept beginnings of prompts are not announced as a prefix cache: nobody should have prompts read that
    may not be needed.
    """

    def __init__(self, settings: CTranslate2Settings) -> None:
        self._settings = settings
        self._running: _Running | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the loaded model can do. Raises ``EngineUnavailable`` before ``start`` has returned."""
        return self._now().capabilities

    async def start(self) -> None:
        """Load the model and make it say one token. Raises ``EngineError`` that names what is wrong with it."""
        self._running = await asyncio.to_thread(self._load)
        try:
            await self.probe()
        except EngineError as error:
            await self.stop()
            raise EngineError(f"{self._settings.path} was loaded, but gives no token: {error}") from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all generations and free the model. May be called twice."""
        running, self._running = self._running, None
        if running is not None:
            await asyncio.to_thread(running.decoder.close)
            running.pool.shutdown(wait=False)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text. Special tokens written out in the text are read as plain text."""
        tokenizer = self._now().tokenizer
        if len(text) < _LONG_TEXT:
            return tokenizer.encode(text)
        return await asyncio.to_thread(tokenizer.encode, text)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of token ids."""
        return self._now().tokenizer.decode(tokens)

    async def generate(self, generation: Generation) -> AsyncGenerator[Piece | Finish]:
        """See ``Engine.generate``."""
        running = self._now()
        row = row_of(generation, running.capabilities, running.tokenizer.end_id)
        await running.free.acquire()
        run = Run(running.decoder, row, running.tokenizer)
        try:
            # The slot is free when the thread is done, which may be a little after the caller is.
            running.pool.submit(run.work, running.free.release)
        except RuntimeError as error:  # the engine was stopped while this one waited
            running.free.release()
            raise _stopped() from error
        async with aclosing(run.pieces()) as items:
            try:
                async for item in items:
                    yield item if isinstance(item, Piece) else _finish(item, run.tokens, len(row.context))
            except EngineError as error:
                raise (error if running is self._running else _stopped()) from error

    async def probe(self) -> None:
        """Get one real token, or raise ``EngineError``. It is too short a prompt to be kept in another's place."""
        async with aclosing(self.generate(Generation([], 1, Sampling(temperature=0.0)))) as items:
            async for _ in items:
                pass

    def _now(self) -> _Running:
        if self._running is None:
            raise _stopped()
        return self._running

    def _load(self) -> _Running:
        from pilotfish.backend.decoder.decoder import Decoder
        from pilotfish.backend.decoder.model_folder import ModelFolderError
        from pilotfish.backend.decoder.rows import DecodeError

        settings = self._settings
        place = find_place(settings.path, settings.tokenizer)
        try:
            tokenizer = Tokenizer.load(place.tokenizer)
            decoder = Decoder(
                place.weights,
                device=settings.device,
                compute_type=settings.compute_type,
                slots=settings.slots,
                threads=settings.threads or 0,
                prefix_cache=settings.kept_megabytes,
            )
        except (ModelFolderError, DecodeError) as error:
            raise EngineError(str(error)) from error
        except ImportError as error:
            raise EngineError(
                "This needs CTranslate2: install it with pip install 'pilotfish[ctranslate2]'."
            ) from error
        if tokenizer.size > decoder.vocab_size:
            decoder.close()
            raise EngineError(
                f"{place.tokenizer} has {tokenizer.size} tokens, the model only {decoder.vocab_size}: "
                "they don't belong together. Name the model's own: --tokenizer DIR."
            )
        capabilities = Capabilities(
            model=settings.name,
            engine="ctranslate2",
            context_length=min(settings.context or place.positions, place.positions),
            vocab_size=decoder.vocab_size,
            slots=settings.slots,
            device="gpu" if decoder.device == "cuda" else "cpu",
            logprobs=_LOGPROBS,
        )
        pool = ThreadPoolExecutor(settings.slots, thread_name_prefix="ctranslate2")
        return _Running(decoder, tokenizer, capabilities, asyncio.Semaphore(settings.slots), pool)


def _finish(outcome: "Outcome", tokens: int, prompt_tokens: int) -> Finish:
    if outcome.reason == "cancelled":  # not by us: we would not have read on
        raise _stopped()
    reason: FinishReason = "length" if outcome.reason == "length" else "stop"
    return Finish(reason, prompt_tokens, tokens, outcome.cached_tokens)


def _stopped() -> EngineUnavailable:
    return EngineUnavailable("The engine is not running.")
