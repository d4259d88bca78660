"""One generation by CTranslate2: the decoder blocks a thread, the caller awaits its pieces."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pilotfish.backend.decoder.rows import DecodeError, Outcome, Row, Step

from .base import Capabilities, EngineError, EngineRefusal, Generation, Piece, TokenLogprob
from .detokenizer import Detokenizer, spelt
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from pilotfish.backend.decoder.decoder import Decoder


def row_of(generation: Generation, can: Capabilities, end_id: int) -> Row:
    """What the decoder is asked for. Raises ``EngineRefusal`` for what it has not, or what does not fit."""
    prompt, wanted, sampling = generation.prompt, generation.logprobs, generation.sampling
    room = can.context_length - max(1, len(prompt))
    most = can.logprobs or 0
    for refused, field, message in (
        (generation.suffix is not None, "suffix", f"{can.model} can't fill in between a prompt and a suffix"),
        (room < 0, "prompt", f"{len(prompt)} tokens; the context has {can.context_length}"),
        (
            generation.max_tokens > max(0, room),
            "max_tokens",
            f"with the prompt's {len(prompt)} tokens, the context has room for {room} more",
        ),
        ((wanted or 0) > most, "logprobs", f"at most {most} alternatives"),
        (
            any(not 0 <= token < can.vocab_size for token in sampling.logit_bias),
            "logit_bias",
            f"token ids run from 0 to {can.vocab_size - 1}",
        ),
    ):
        if refused:
            raise EngineRefusal(f"{field}: {message}.", field=field)
    return Row(
        prompt=(*prompt, *generation.middle),
        max_tokens=generation.max_tokens,
        temperature=0.0 if sampling.greedy else sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        presence_penalty=sampling.presence_penalty,
        frequency_penalty=sampling.frequency_penalty,
        logit_bias=sampling.logit_bias,
        seed=sampling.seed,
        start_id=end_id,
        end_id=end_id,
        logprobs=wanted,
    )


class Run:
    """A row on its way through the decoder. ``work`` is for another thread, all else for the event loop's."""

    def __init__(self, decoder: "Decoder", row: Row, tokenizer: Tokenizer) -> None:
        self._decoder = decoder
        self._row = row
        self._tokenizer = tokenizer
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Step | Outcome | EngineError] = asyncio.Queue()
        self._closed = threading.Event()
        self.tokens = 0
        """How many have come, without the one that ends the text."""

    def work(self, done: Callable[[], object]) -> None:
        """Decode, then call ``done`` in the event loop's thread."""
        try:
            self._tell(self._decode())
        finally:
            self._call(done)

    async def pieces(self) -> AsyncGenerator[Piece | Outcome]:
        """Each token as it comes, then how it ended. Raises ``EngineError``. Closing it ends the work."""
        text = Detokenizer(self._tokenizer)
        try:
            while not isinstance(item := await self._arrived.get(), Outcome):
                if isinstance(item, EngineError):
                    raise item
                if item.token != self._row.end_id:
                    first = self.tokens == 0
                    self.tokens += 1
                    yield Piece(
                        text.feed([item.token]),
                        logprobs=() if item.logprob is None else (self._logprob(item, item.logprob),),
                        prompt_tokens=len(self._row.context) if first else None,
                        cached_tokens=item.cached_tokens if first else None,
                    )
            yield item
        finally:
            self._closed.set()

    def _decode(self) -> Outcome | EngineError:
        try:
            (outcome,) = self._decoder.decode([self._row], self._emit, cancelled=self._is_closed)
        except (DecodeError, ValueError) as error:
            return EngineError(f"The model failed: {error}.")
        except Exception as error:  # noqa: BLE001 - whoever waits must be told; the text may hold the user's
            return EngineError(f"The model failed: {type(error).__name__}.")
        return outcome

    def _emit(self, index: int, step: Step) -> bool:
        self._tell(step)
        return self._is_closed(index)

    def _is_closed(self, _index: int) -> bool:
        return self._closed.is_set()

    def _tell(self, item: Step | Outcome | EngineError) -> None:
        self._call(self._arrived.put_nowait, item)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function, *arguments)

    def _logprob(self, step: Step, own: float) -> TokenLogprob:
        top = tuple((self._spelt(token), min(0.0, logprob)) for token, logprob in step.top)
        return TokenLogprob(self._spelt(step.token), min(0.0, own), top)

    def _spelt(self, token: int) -> str:
        return spelt(self._tokenizer.token_bytes(token))
