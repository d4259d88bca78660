"""One token at a time: slower than a stream by a request each, but every token is known, with its log-probability.

llama.cpp's stream keeps the log-probabilities of tokens that are only part of a character to itself, counts the
prompt's tokens for its penalties, and draws from one generator for a whole text. So whatever depends on these goes
step by step: log-probabilities, penalties, and seeds, which then mean the same text with and without the other two.
"""

import codecs
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .base import EngineError, Generation, Piece, Sampling, TokenLogprob
from .detokenizer import spelt
from .llama_wire import Ended, LlamaWire, TokenScore, sampling_fields

_FORCED = 10_000.0  # a bias that no logit comes near
_FEW = 64  # alternatives in which a token that was drawn is nearly always found


def needs_steps(generation: Generation) -> bool:
    """Whether a stream can't give what is asked for."""
    sampling = generation.sampling
    return (
        generation.logprobs is not None
        or sampling.presence_penalty != 0
        or sampling.frequency_penalty != 0
        or (sampling.seed is not None and sampling.temperature > 0)
    )


@dataclass(frozen=True, slots=True)
class Steps:
    """Generates in one slot, whose cache holds the prompt already."""

    wire: LlamaWire
    slot: int
    ends: frozenset[int]
    plain: int
    """A token that is a whole character, to be forced where only the alternatives matter."""
    vocab_size: int

    async def run(
        self, prompt: Sequence[int], generation: Generation, drawn: list[int]
    ) -> AsyncGenerator[Piece]:
        """Yield a piece for each token, empty while a character is incomplete; stop before a token that ends.

        ``drawn`` is filled with the tokens' ids. At its end the caller knows by their number whether it was the limit.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        wanted = generation.logprobs
        for number in range(generation.max_tokens):
            sampling = _fields(generation.sampling, drawn, number)
            context = [*prompt, *drawn]
            answer = await self.wire.complete(
                self.slot, context, 1, sampling=sampling, probabilities=max(1, wanted or 0)
            )
            if answer.token is None or answer.token in self.ends:
                return
            score = answer.score
            if score is None:
                score = await self._score(context, answer, alternatives=wanted or 0)
            drawn.append(answer.token)
            yield Piece(
                decoder.decode(score.raw), logprobs=() if wanted is None else (_logprob(score, wanted),)
            )

    async def _score(self, context: Sequence[int], answer: Ended, *, alternatives: int) -> TokenScore:
        """A token that is part of a character, found among the alternatives to one that is whole."""
        for count in (max(_FEW, alternatives), self.vocab_size):
            whole = await self.wire.complete(
                self.slot,
                context,
                1,
                sampling={"temperature": 0.0, "logit_bias": [[self.plain, _FORCED]]},
                probabilities=count,
            )
            if whole.score is not None and answer.token in whole.score.top_ids:
                score = whole.score
                chosen, logprob = score.top[score.top_ids.index(answer.token)]
                return replace(
                    score, id=answer.token, raw=chosen, logprob=logprob, top=score.top[:alternatives]
                )
        raise EngineError("llama.cpp drew a token that it does not know.")


def _fields(sampling: Sampling, drawn: Sequence[int], number: int) -> Mapping[str, Any]:
    """The sampling of one step: penalties count what was drawn, not the prompt; each step has a seed of its own."""
    bias = dict(sampling.logit_bias)
    if sampling.presence_penalty or sampling.frequency_penalty:
        for token, count in Counter(drawn).items():
            penalty = sampling.presence_penalty + count * sampling.frequency_penalty
            bias[token] = bias.get(token, 0.0) - penalty
    seed = sampling.seed
    if seed is not None:
        digest = hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=4).digest()
        seed = int.from_bytes(digest)
    return sampling_fields(replace(sampling, logit_bias=bias, seed=seed))


def _logprob(score: TokenScore, alternatives: int) -> TokenLogprob:
    top = tuple((spelt(token), min(0.0, logprob)) for token, logprob in score.top[:alternatives])
    return TokenLogprob(spelt(score.raw), min(0.0, score.logprob), top)
