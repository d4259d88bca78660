"""Picks a row's next token out of the model's logits; the row's own generator draws. Pure."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .rows import Row

Logits = NDArray[np.float32]


def log_softmax(logits: Logits) -> Logits:
    """Log-probabilities [vocab] of logits [vocab]."""
    shifted = logits - logits.max()
    total = float(np.exp(shifted, dtype=np.float64).sum())
    logprobs: Logits = shifted - np.float32(math.log(total))
    return logprobs


def most_likely(logprobs: Logits, count: int) -> tuple[tuple[int, float], ...]:
    """The ``count`` most likely tokens, most likely first; of equals the one with the lowest id."""
    count = min(count, len(logprobs))
    if count == 0:
        return ()
    # Whoever is as likely as the last that fits stands for election too, so that ties fall as promised.
    least = np.partition(logprobs, -count)[-count]
    found = np.flatnonzero(logprobs >= least)
    order = found[np.argsort(-logprobs[found], kind="stable")][:count]
    return tuple((int(token), float(logprobs[token])) for token in order)


def draw(logits: Logits, row: Row, uniform: float) -> int:
    """The token at the quantile ``uniform``, in [0, 1), of what temperature, top_k and top_p leave."""
    scaled = logits.astype(np.float64) / row.temperature
    kept = np.arange(len(scaled))
    if 0 < row.top_k < len(scaled):
        kept = np.array([token for token, _ in most_likely(logits, row.top_k)])
    else:
        kept = kept[np.argsort(-scaled, kind="stable")]
    weights = np.exp(scaled[kept] - scaled[kept[0]])
    weights /= weights.sum()
    reached = np.cumsum(weights)
    if 0 < row.top_p < 1:
        # The token that crosses top_p still belongs to it.
        kept = kept[: int(np.searchsorted(reached, row.top_p)) + 1]
        reached = reached[: len(kept)]
    place = int(np.searchsorted(reached, uniform * reached[-1], side="right"))
    return int(kept[min(place, len(kept) - 1)])


class Chooser:
    """Chooses the tokens of one row, one after another."""

    def __init__(self, row: Row) -> None:
        self._row = row
        # FasterTransformer's seeds may be negative.
        seed = None if row.seed is None else row.seed % 2**64
        self._generator = np.random.Generator(np.random.PCG64(seed))
        self._sequence = list(row.context)
        self._generated: Counter[int] = Counter()
        self._penalised = np.unique(np.asarray(self._sequence, np.int64))

    def choose(self, logits: Logits, taken: int) -> int:
        """The next token. ``taken`` is what CTranslate2 took: of equally good tokens the best one."""
        adjusted = self._adjusted(logits)
        if not self._row.greedy:
            token = draw(adjusted, self._row, self._generator.random())
        else:
            best = int(adjusted.argmax())
            token = taken if adjusted[taken] == adjusted[best] else best
        self._note(token)
        return token

    def _note(self, token: int) -> None:
        self._sequence.append(token)
        if not self._generated[token]:
            self._penalised = np.union1d(self._penalised, [token])
        self._generated[token] += 1

    def _adjusted(self, logits: Logits) -> Logits:
        row = self._row
        adjusted = logits.astype(np.float32, copy=True)
        if row.repetition_penalty != 1:
            seen = adjusted[self._penalised]
            penalty = np.float32(row.repetition_penalty)
            adjusted[self._penalised] = np.where(seen > 0, seen / penalty, seen * penalty)
        if self._generated and (row.presence_penalty or row.frequency_penalty):
            tokens = list(self._generated)
            counts = np.array([self._generated[token] for token in tokens], np.float32)
            adjusted[tokens] -= row.presence_penalty + row.frequency_penalty * counts
        for token, bias in row.logit_bias.items():
            adjusted[token] += bias
        for word in row.bad_words:
            if ends_with(self._sequence, word[:-1]):
                # Finite, so that the rest is still a distribution where everything is banned.
                adjusted[word[-1]] = np.finfo(np.float32).min
        return adjusted


def ends_with(sequence: Sequence[int], word: Sequence[int]) -> bool:
    """Whether the sequence's last tokens are these; no token at all always is."""
    return not len(word) or list(sequence[-len(word) :]) == list(word)
