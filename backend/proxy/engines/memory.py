"""An engine without a model, for tests and for trying the server out: deterministic, scripted, quick.

Its tokens are a few words of Python and single UTF-8 bytes, so that one character may be several tokens and a
stop sequence may begin inside one. Its "model" weighs a handful of tokens by a hash of what went before; a
script, where there is one, is by far the likeliest continuation.
"""

import asyncio
import codecs
import hashlib
import math
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

from .base import (
    Capabilities,
    EngineBusy,
    EngineError,
    EngineRefusal,
    EngineTimeout,
    EngineUnavailable,
    Finish,
    FinishReason,
    Generation,
    Piece,
    Sampling,
    TokenLogprob,
)

_WORDS = (
    *("\n", "    ", " = ", "(", ")", ":", ", ", ".", "[", "]", '"', "0", "1"),
    *(
        "def ",
        "return ",
        "import ",
        "for ",
        " in ",
        "if ",
        "else",
        "self",
        "print",
        "name",
        "value",
        "x",
        "y",
    ),
)
_WORD_IDS = {word: 256 + index for index, word in enumerate(_WORDS)}
_WORD = re.compile("|".join(re.escape(word) for word in sorted(_WORDS, key=len, reverse=True)))
_END = 256 + len(_WORDS)
_VOCABULARY = _END + 1
_FIM_TOKENS = 3  # prefix, suffix, middle
_PREFILL_STEP = 64  # tokens between two looks at whether anybody still wants the answer


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes wrong in a generation, after how many generated tokens."""

    kind: Literal["error", "unavailable", "busy", "timeout", "hang", "bug"]
    after: int = 0


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A generation that was closed before its end."""

    phase: Literal["queue", "prefill", "decode"]
    tokens: int
    """How many had been generated."""


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """What the stand-in pretends to be."""

    model: str = "memory"
    context_length: int = 2048
    slots: int = 2
    fim: bool = True
    logprobs: int | None = 5
    """As in ``Capabilities``."""
    script: str | Callable[[str], str] | None = None
    """The likeliest continuation, or a function of the prompt's text that gives it; None: endless words."""
    load_seconds: float = 0.0
    prefill_seconds: float = 0.0
    """Per prompt token that is not cached."""
    decode_seconds: float = 0.0
    """Per generated token."""
    load_failure: str | None = None
    """The message with which ``start`` fails."""
    waits_for: str | None = None
    """What it says while it loads."""


class MemoryEngine:
    """Passes the contract test of all engines and keeps a record of what was asked of it."""

    def __init__(self, settings: MemorySettings | None = None) -> None:
        self.settings = settings or MemorySettings()
        self.failure: Failure | None = None
        """Holds for every generation and probe until it is set back."""
        self.calls: list[Generation] = []
        self.cancellations: list[Cancellation] = []
        self.probes = 0
        self.active = 0
        """Generations that hold a slot now."""
        self.peak = 0
        """The most that ever held one at once."""
        self._started = False
        self._free = asyncio.Semaphore(self.settings.slots)
        self._slots: dict[int, tuple[int, ...]] = dict.fromkeys(range(self.settings.slots), ())
        self._busy: set[int] = set()

    @property
    def capabilities(self) -> Capabilities:
        """What the settings say."""
        s = self.settings
        return Capabilities(
            model=s.model,
            engine="memory",
            context_length=s.context_length,
            vocab_size=_VOCABULARY,
            slots=s.slots,
            fim=s.fim,
            prefix_cache=True,
            logprobs=s.logprobs,
        )

    @property
    def waits_for(self) -> str | None:
        """See ``Waiting``."""
        return self.settings.waits_for

    async def start(self) -> None:
        """Wait as long as a model would take to load."""
        await asyncio.sleep(self.settings.load_seconds)
        if self.settings.load_failure is not None:
            raise EngineError(self.settings.load_failure)
        self._started = True

    async def stop(self) -> None:
        """Refuse everything from now on."""
        self._started = False

    async def tokenize(self, text: str) -> list[int]:
        """Words where they stand, bytes elsewhere."""
        self._check_started()
        return _tokenize(text)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The words' and bytes' text."""
        self._check_started()
        return b"".join(map(_token_bytes, tokens)).decode(errors="replace")

    async def probe(self) -> None:
        """One token's time, or the failure that is set."""
        self._check_started()
        self.probes += 1
        if self.failure is not None:
            await _fail(self.failure)
        await asyncio.sleep(self.settings.decode_seconds)

    async def generate(self, generation: Generation) -> AsyncIterator[Piece | Finish]:
        """Prefill what is not cached, then draw token after token."""
        self._check_started()
        self._refuse(generation)
        self.calls.append(generation)
        phase: Literal["queue", "prefill", "decode"] = "queue"
        drawn: list[int] = []
        try:
            async with self._free:
                slot, cached = self._occupy(generation)
                try:
                    phase = "prefill"
                    await self._prefill(_prompt_tokens(generation) - cached)
                    phase = "decode"
                    async for item in self._decode(generation, cached, drawn):
                        yield item
                finally:
                    self._release(slot, generation, drawn)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancellations.append(Cancellation(phase, len(drawn)))
            raise

    async def _prefill(self, tokens: int) -> None:
        for start in range(0, tokens, _PREFILL_STEP):
            await asyncio.sleep(self.settings.prefill_seconds * min(_PREFILL_STEP, tokens - start))

    async def _decode(
        self, generation: Generation, cached: int, drawn: list[int]
    ) -> AsyncIterator[Piece | Finish]:
        prompt_tokens = _prompt_tokens(generation)
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        model = _Model(generation, self._script(generation))
        reason: FinishReason = "length"
        while len(drawn) < generation.max_tokens:
            if self.failure is not None and self.failure.after <= len(drawn):
                await _fail(self.failure)
            await asyncio.sleep(self.settings.decode_seconds)
            token, logprob = model.draw(drawn)
            if token == _END:
                reason = "stop"
                break
            drawn.append(token)
            yield Piece(
                decoder.decode(_token_bytes(token)),
                logprobs=() if logprob is None else (logprob,),
                prompt_tokens=prompt_tokens,
                cached_tokens=cached,
            )
        yield Finish(reason, prompt_tokens, len(drawn), cached)

    def _script(self, generation: Generation) -> list[int] | None:
        script = self.settings.script
        if script is None:
            return None
        if callable(script):
            script = script(b"".join(map(_token_bytes, generation.prompt)).decode(errors="replace"))
        return _tokenize(script)

    def _occupy(self, generation: Generation) -> tuple[int, int]:
        """Take the free slot whose last prompt is most like this one; say which, and how much is reused."""
        prompt = tuple(generation.prompt)
        common = {slot: _common(self._slots[slot], prompt) for slot in self._slots if slot not in self._busy}
        slot = max(common, key=lambda candidate: common[candidate])
        self._busy.add(slot)
        self.active += 1
        self.peak = max(self.peak, self.active)
        return slot, max(0, min(common[slot], len(prompt) - 1))

    def _release(self, slot: int, generation: Generation, drawn: list[int]) -> None:
        self._slots[slot] = (*generation.prompt, *drawn)
        self._busy.discard(slot)
        self.active -= 1

    def _check_started(self) -> None:
        if not self._started:
            raise EngineUnavailable("the memory engine is not running")

    def _refuse(self, generation: Generation) -> None:
        if generation.suffix is not None and not self.settings.fim:
            raise EngineRefusal("this model can't fill in the middle", field="suffix")
        wanted, most = generation.logprobs, self.settings.logprobs
        if wanted is not None and (most is None or wanted > most):
            raise EngineRefusal(f"at most {most} alternatives, or none at all", field="logprobs")
        if _prompt_tokens(generation) + generation.max_tokens > self.settings.context_length:
            raise EngineRefusal("prompt and completion don't fit the context", field="prompt")


class _Model:
    """Draws the tokens of one generation."""

    def __init__(self, generation: Generation, script: list[int] | None) -> None:
        self._sampling = generation.sampling
        self._logprobs = generation.logprobs
        self._script = script
        self._random = random.Random(generation.sampling.seed)  # noqa: S311 (nothing secret)
        context = [*generation.prompt, -1, *(generation.suffix or ()), -1, *generation.middle]
        self._context = hashlib.blake2b(repr(context).encode(), digest_size=16).digest()

    def draw(self, drawn: Sequence[int]) -> tuple[int, TokenLogprob | None]:
        """The next token, and its log-probability if the generation asks for it."""
        logits = self._logits(drawn)
        token = _choose(logits, Counter(drawn), self._sampling, self._random)
        if self._logprobs is None:
            return token, None
        total = math.log(sum(math.exp(logit) for logit in logits.values()))
        likeliest = sorted(logits, key=lambda t: -logits[t])[: self._logprobs]
        top = tuple((_token_text(t), logits[t] - total) for t in likeliest)
        chosen = logits.get(token, min(logits.values())) - total
        return token, TokenLogprob(_token_text(token), min(chosen, 0.0), top)

    def _logits(self, drawn: Sequence[int]) -> dict[int, float]:
        position = len(drawn)
        expected: int | None = None
        if self._script is not None:
            expected = self._script[position] if position < len(self._script) else _END
            if expected < 256 or expected == _END:
                return {expected: 0.0, **dict.fromkeys(range(256, 262), -30.0)}  # never half a character
        digest = hashlib.blake2b(repr(drawn[-3:]).encode(), key=self._context, digest_size=8).digest()
        logits = {256 + byte % len(_WORDS): 2.0 - 0.4 * rank for rank, byte in reversed([*enumerate(digest)])}
        if expected is not None:
            logits[expected] = 6.0
        return logits


def _choose(logits: dict[int, float], counts: Counter[int], sampling: Sampling, rng: random.Random) -> int:
    """Penalties and bias, then temperature, top-k, top-p, then the dice."""
    weighed = dict(logits)
    for token, bias in sampling.logit_bias.items():
        weighed[token] = weighed.get(token, -20.0) + bias
    for token in weighed.keys() & counts.keys():
        weighed[token] -= sampling.presence_penalty + sampling.frequency_penalty * counts[token]
    ranked = sorted(weighed, key=lambda t: (-weighed[t], t))
    if sampling.greedy:
        return ranked[0]
    ranked = ranked[: sampling.top_k or None]
    top = weighed[ranked[0]]
    shares = [math.exp((weighed[token] - top) / sampling.temperature) for token in ranked]
    limit, kept = sampling.top_p * sum(shares), 0.0
    for share in shares:
        kept += share
        if kept >= limit:
            break
    count = shares.index(share) + 1
    return rng.choices(ranked[:count], shares[:count])[0]


def _tokenize(text: str) -> list[int]:
    tokens: list[int] = []
    end = 0
    for match in _WORD.finditer(text):
        tokens += text[end : match.start()].encode()
        tokens.append(_WORD_IDS[match[0]])
        end = match.end()
    return [*tokens, *text[end:].encode()]


def _token_bytes(token: int) -> bytes:
    if token < 256:
        return bytes([token])
    return _WORDS[token - 256].encode() if token < _END else b""


def _token_text(token: int) -> str:
    if token < 128:
        return chr(token)
    return f"bytes:\\x{token:02x}" if token < 256 else _token_bytes(token).decode()


def _prompt_tokens(generation: Generation) -> int:
    count = len(generation.prompt) + len(generation.middle)
    return count if generation.suffix is None else count + len(generation.suffix) + _FIM_TOKENS


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))


async def _fail(failure: Failure) -> NoReturn:
    match failure.kind:
        case "error":
            raise EngineError("the memory engine was told to fail")
        case "unavailable":
            raise EngineUnavailable("the memory engine was told to be away")
        case "busy":
            raise EngineBusy("the memory engine was told to be overrun")
        case "timeout":
            raise EngineTimeout("the memory engine was told to be late")
        case "bug":
            raise ZeroDivisionError("the memory engine was told to have a bug")
        case "hang":
            await asyncio.Event().wait()
            raise AssertionError("unreachable")
