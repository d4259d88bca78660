"""The engine ``triton``: a converted CodeGen or GPT-J behind one or several Triton servers.

The same engine serves FasterTransformer's own backend and our model on Triton's Python backend; what a server can do
is read from the server.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import (
    Capabilities,
    EngineBusy,
    EngineError,
    EngineRefusal,
    EngineTimeout,
    EngineUnavailable,
    Finish,
    Generation,
    Piece,
    Sampling,
)
from .tokenizer import Tokenizer
from .triton_answer import Answer
from .triton_request import Tensor, build, check
from .triton_row import Row
from .triton_signature import Signature
from .triton_stops import StopWords

if TYPE_CHECKING:
    from .triton_servers import Server, Servers

_LONG_TEXT = 16384  # characters; the loop is not kept waiting for the tokens of a longer one


@dataclass(frozen=True, slots=True)
class TritonSettings:
    """Which servers, and what is in front of them."""

    urls: tuple[str, ...] = ("localhost:8001",)
    """Targets, as ``parse_urls`` gives them."""
    model: str = "fastertransformer"
    """Its name at the servers."""
    name: str = "fastertransformer"
    """Its name to our clients."""
    tokenizer: Path = Path("tokenizer.json")
    """The file, or its directory."""
    tls_ca: Path | None = None
    """Certificates (PEM) by which the servers are known; None: no TLS."""
    slots: int | None = None
    """Requests at once, over all servers; None: what the servers say."""
    context: int | None = None
    """Tokens that prompt and completion share at most; None: what the servers say."""
    answer_seconds: float = 120.0
    """How long a server may say nothing: for a whole text, or for the next token where it streams."""


@dataclass(slots=True)
class _Running:
    """All that there is between ``start`` and ``stop``."""

    tokenizer: Tokenizer
    stop_words: StopWords
    servers: "Servers"


class TritonEngine:
    """``Engine`` over Triton's gRPC service."""

    def __init__(self, settings: TritonSettings) -> None:
        self._settings = settings
        self._running: _Running | None = None
        self._capabilities: Capabilities | None = None
        self._started = False

    @property
    def capabilities(self) -> Capabilities:
        """What all servers that can be asked offer. Raises ``EngineUnavailable`` before ``start`` has returned."""
        running = self._now()
        if signatures := [server.signature for server in running.servers.ready() if server.signature]:
            self._capabilities = self._shared(signatures)
        if self._capabilities is None:
            raise EngineUnavailable(running.servers.trouble)
        return self._capabilities

    @property
    def waits_for(self) -> str | None:
        """Why no server can be asked yet."""
        return None if self._running is None or self._started else self._running.servers.trouble or None

    async def start(self) -> None:
        """Wait for a server that has the model. Raises ``EngineError`` if all are there and none has."""
        from .triton_servers import Server, Servers
        from .triton_wire import TritonWire, read_certificates

        settings = self._settings
        tls_ca = read_certificates(settings.tls_ca) if settings.tls_ca else None
        tokenizer = await asyncio.to_thread(Tokenizer.load, settings.tokenizer)
        stop_words = await asyncio.to_thread(StopWords, tokenizer)
        wires = [
            TritonWire(url, settings.model, tls_ca=tls_ca, answer_seconds=settings.answer_seconds)
            for url in settings.urls
        ]
        servers = Servers(
            [Server(wire, settings.model, prove=self._prove, check=self._check) for wire in wires]
        )
        self._running = _Running(tokenizer, stop_words, servers)
        try:
            await servers.start()
        except BaseException:
            await self.stop()
            raise
        self._started = True

    async def stop(self) -> None:
        """Close the channels; what runs fails. May be called twice."""
        running, self._running, self._started = self._running, None, False
        if running is not None:
            await running.servers.stop()

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text. Special tokens written out in the text are read as plain text."""
        tokenizer = self._now().tokenizer
        return (
            tokenizer.encode(text)
            if len(text) <= _LONG_TEXT
            else await asyncio.to_thread(tokenizer.encode, text)
        )

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of token ids."""
        return self._now().tokenizer.decode(tokens)

    async def generate(self, generation: Generation) -> AsyncGenerator[Piece | Finish]:
        """See ``Engine.generate``. A server that can't be reached, or whose queue is full, is passed over."""
        refused: EngineError | None = None
        for server in await self._now().servers.to_ask():
            begun, signature = False, server.signature
            if signature is None:
                continue  # lost while another one was asked
            try:
                async with aclosing(self._ask(server, signature, generation)) as items:
                    async for item in items:
                        begun = True
                        yield item
                return
            except EngineError as error:
                _note(server, error)
                if begun or not _elsewhere(error):
                    raise
                refused = error
        raise refused or EngineUnavailable("no Triton server could be asked.")

    async def probe(self) -> None:
        """Get one token from the server whose turn it is, or raise ``EngineError``."""
        async with aclosing(self.generate(_probe())) as items:
            async for _ in items:
                pass

    async def _prove(self, server: "Server", signature: Signature) -> None:
        async with aclosing(self._ask(server, signature, _probe())) as items:
            async for _ in items:
                pass

    async def _ask(
        self, server: "Server", signature: Signature, generation: Generation
    ) -> AsyncGenerator[Piece | Finish]:
        """Generate at one server."""
        running = self._now()
        check(generation, signature, self._context(signature))
        end_id = running.tokenizer.end_id if signature.end_id is None else signature.end_id
        prompt = generation.prompt or (end_id,)
        row = Row(
            running.tokenizer, end_id=end_id, prompt_tokens=len(prompt), max_tokens=generation.max_tokens
        )
        if generation.max_tokens == 0 and not signature.prefix_cache:
            yield row.finish()  # nothing is kept of a prompt: reading it would warm nothing
            return
        words = running.stop_words.words(generation.stops, prompt)
        tensors = build(generation, signature, end_id=end_id, stop_words=words, random=secrets.randbelow)
        outputs = ["output_ids", "sequence_length"]
        if generation.logprobs is not None:
            outputs += [
                "output_log_probs",
                *(["top_log_probs_ids", "top_log_probs"] if generation.logprobs else []),
            ]
        answer = Answer(prompt, rows=signature.rows, logprobs=generation.logprobs)
        with server.busy():
            async with aclosing(_responses(server, signature, tensors, outputs)) as responses:
                async for response in responses:
                    if piece := row.feed(answer.take(response)):
                        yield piece
        yield row.finish()

    def _context(self, signature: Signature) -> int:
        return min(signature.context_length, self._settings.context or signature.context_length)

    def _check(self, server: "Server", signature: Signature) -> None:
        """Raise ``Unsuitable`` for a model that the tokenizer can't be of."""
        from .triton_wire import Unsuitable

        size = self._now().tokenizer.size
        if signature.rows is not None and signature.rows < size:
            raise Unsuitable(
                f"the model {self._settings.model} of Triton at {server.wire.url} has {signature.rows} rows in its "
                f"vocabulary, the tokenizer {self._settings.tokenizer} has {size} tokens: they are not of one model."
            )

    def _shared(self, signatures: Sequence[Signature]) -> Capabilities:
        """What holds whichever of the servers is asked. No server tells how much of a prompt it had in a cache."""
        logprobs = [-1 if signature.logprobs is None else signature.logprobs for signature in signatures]
        size = self._now().tokenizer.size
        return Capabilities(
            model=self._settings.name,
            engine="triton",
            context_length=min(map(self._context, signatures)),
            vocab_size=min(signature.rows or size for signature in signatures),
            slots=self._settings.slots or signatures[0].slots * len(self._settings.urls),
            device=signatures[0].device,
            logprobs=None if min(logprobs) < 0 else min(logprobs),
        )

    def _now(self) -> _Running:
        if self._running is None:
            raise EngineUnavailable("The engine is not running.")
        return self._running


def _note(server: "Server", error: EngineError) -> None:
    """What a request's failure says about the server."""
    if isinstance(error, EngineRefusal | EngineBusy | EngineTimeout):
        return  # the request's own fault, or work; whether the server still answers is seen by looking
    if isinstance(error, EngineUnavailable):
        server.lose(str(error))
    else:
        server.suspect = True


def _elsewhere(error: EngineError) -> bool:
    """Whether another server may be asked the same: this one has not begun to work on it."""
    from .triton_wire import NotSent

    return isinstance(error, EngineBusy | NotSent)


async def _responses(
    server: "Server", signature: Signature, tensors: Sequence[Tensor], outputs: Sequence[str]
) -> AsyncGenerator[Any]:
    """One response, or one for each token."""
    if not signature.decoupled:
        yield await server.wire.infer(tensors, outputs)
        return
    async with server.wire.stream(tensors, outputs, how=signature.ending) as responses:
        async for response in responses:
            yield response


def _probe() -> Generation:
    """One token that disturbs nothing: its prompt is only the beginning of a text."""
    return Generation((), 1, Sampling(temperature=0.0))
