"""The contract between the routes and whatever generates text.

Every engine, the in-memory one of the unit tests included, passes ``tests/backend/engine_contract.py``.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

FinishReason = Literal["stop", "length"]
Device = Literal["cpu", "gpu"]


class EngineError(Exception):
    """The engine failed; the request may be right."""


class EngineUnavailable(EngineError):
    """The engine is not running, still loading, or does not answer."""


class EngineBusy(EngineError):
    """The engine has more waiting requests than it takes; it lives."""


class EngineTimeout(EngineError):
    """The engine did not answer within the deadline."""


class EngineRefusal(EngineError):
    """The engine can't do what the request asks for.

    ``field`` is the name of the request's field that the client must change.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine with its model can do; ``/v1/models`` shows it to clients."""

    model: str
    """The model's name, as requests and answers spell it."""
    engine: str
    """The engine's name: ``llama``, ``ctranslate2``, ``triton``, ``memory``."""
    context_length: int
    """Tokens that prompt and completion share in one slot."""
    vocab_size: int
    """Token ids run from 0 to ``vocab_size - 1``."""
    slots: int
    """How many requests are decoded at once."""
    device: Device = "cpu"
    fim: bool = False
    """Whether ``suffix`` and ``middle`` are understood."""
    prefix_cache: bool = False
    """Whether a prompt that starts like the one before costs only its new tokens."""
    logprobs: int | None = None
    """How many alternatives a token can be given; 0: its own log-probability only; None: not even that."""


COLDEST = 1e-6
"""Temperatures below this count as 0: what is divided by them no longer fits 32 bits."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """0: all tokens."""
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken: it always belongs to ``top_k`` and ``top_p``."""
        return self.temperature < COLDEST or self.top_k == 1 or self.top_p == 0


@dataclass(frozen=True, slots=True)
class Generation:
    """One sequence to generate. The prompt is already cut to the context."""

    prompt: Sequence[int]
    """Token ids of the text before the cursor, without any FIM token. Empty: the beginning of a text."""
    max_tokens: int
    """0 evaluates the prompt (warms the KV cache) and generates nothing."""
    sampling: Sampling = Sampling()
    suffix: Sequence[int] | None = None
    """Token ids after the cursor; None: left to right."""
    middle: Sequence[int] = ()
    """Token ids that stand after the middle token, so that they are continued (line-start FIM)."""
    logprobs: int | None = None
    """None: none; 0: the chosen token's; k: the k most likely ones' too."""
    stops: Sequence[str] = ()
    """Where the caller stops reading. An engine may end once the generated text holds one of them, or not care."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """The true log-probability (natural logarithm, before sampling) of a generated token."""

    token: str
    logprob: float
    top: Sequence[tuple[str, float]] = ()
    """The most likely tokens with theirs, most likely first."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text as it comes: whole Unicode characters only, possibly empty."""

    text: str
    tokens: int = 1
    """How many tokens were generated since the piece before."""
    logprobs: Sequence[TokenLogprob] = ()
    """One for each of these tokens, where log-probabilities were asked for."""
    prompt_tokens: int | None = None
    """As in ``Finish``, on the first piece: a stop sequence often closes a generation before its end."""
    cached_tokens: int | None = None
    """As in ``Finish``, on the first piece."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The last item of a generation."""

    reason: FinishReason
    prompt_tokens: int
    """All tokens that were put before the generated ones, FIM tokens included."""
    completion_tokens: int
    cached_tokens: int = 0
    """How many of the prompt's tokens came out of the KV cache."""


class Engine(Protocol):
    """Turns token ids into text. All methods may be called concurrently once ``start`` has returned."""

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do. Known once ``start`` has returned."""
        ...

    async def start(self) -> None:
        """Load the model. Raises ``EngineError`` with a message that names the file or address."""
        ...

    async def stop(self) -> None:
        """End all generations and free everything. May be called twice."""
        ...

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text. Special tokens written out in the text are read as plain text."""
        ...

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of token ids."""
        ...

    def generate(self, generation: Generation) -> AsyncIterator[Piece | Finish]:
        """Yield pieces as they come, then one ``Finish``.

        Closing the iterator (``aclose``, or cancelling the task that awaits it) ends the engine's work: the
        slot is free within 250 ms, during prefill too. Raises ``EngineError`` or one of its subclasses.
        While a long prompt is read an engine may yield empty pieces of 0 tokens, as a sign of life.
        """
        ...

    async def probe(self) -> None:
        """Make the model produce one real token without disturbing a warm slot, or raise ``EngineError``."""
        ...


@runtime_checkable
class Waiting(Protocol):
    """An engine whose ``start`` may wait long for something, and that says for what."""

    @property
    def waits_for(self) -> str | None:
        """A sentence for people; None: for nothing in particular."""
        ...
