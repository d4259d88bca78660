"""One call of the decoder: its rows, batch by batch."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from .batches import Batch, batches, sampling, steered
from .choosing import Chooser, Logits, log_softmax, most_likely
from .generator import Generator
from .prefixes import Cut, Prefixes
from .progress import Progress
from .rows import DecodeError, Outcome, Row, Step

STEPS_WITH_LOGITS = 256
"""CTranslate2 keeps the logits of every step until its call returns: 50 MB for so many of CodeGen's vocabulary."""


class Call:
    """Runs rows on a generator."""

    def __init__(
        self,
        generator: Generator,
        prefixes: "LockedPrefixes",
        rows: Sequence[Row],
        emit: Callable[[int, Step], bool],
        stopped: Callable[[int], bool],
    ) -> None:
        self._generator = generator
        self._prefixes = prefixes
        self._progress = [Progress(row) for row in rows]
        self._rows = rows
        self._emit = emit
        self._stopped = stopped

    def run(self) -> list[Outcome]:
        """Generate all rows."""
        for batch in batches(self._rows):
            indices = [index for index in batch.indices if self._goes_on(index)]
            if batch.alone and indices:
                self._alone(indices[0])
            elif indices:
                self._together(indices, batch)
        return [progress.outcome() for progress in self._progress]

    def _goes_on(self, index: int) -> bool:
        progress, row = self._progress[index], self._rows[index]
        if self._stopped(index):
            progress.cancel()
        elif row.max_tokens == 0:
            progress.cached_tokens = self._read(row)
        return progress.reason is None

    def _read(self, row: Row) -> int:
        """Have the state of a prompt kept; how many of its tokens were kept already."""
        cut = self._prefixes.cut(row.context, again=True)
        if cut.keep and not cut.kept:
            self._generator.generate([row.context], lambda _step: True, cut=cut, max_length=1)
        return cut.length if cut.kept else 0

    def _together(self, indices: Sequence[int], batch: Batch) -> None:
        """Rows that CTranslate2 samples by itself."""
        rows = [self._rows[index] for index in indices]
        shared = rows[0].context if len(rows) == 1 else rows[0].context[: batch.shared + 1]
        cut = self._prefixes.cut(shared)
        if not cut.length and len(rows) > 1:
            cut = Cut(batch.shared)
        for index in indices:
            self._progress[index].cached_tokens = cut.length if cut.kept else 0
        self._generator.generate(
            [row.context for row in rows],
            lambda step: self._give(indices[step.batch_id], step.token_id, step.log_prob),
            cut=cut,
            banned=_banned(rows[0]),
            max_length=max(row.max_tokens for row in rows),
            end_token=[rows[0].end_id],
            return_scores=rows[0].logprobs is not None,
            **sampling(rows[0], self._generator.vocab_size, self._generator.device),
        )
        if any(self._progress[index].reason is None for index in indices):
            raise DecodeError("CTranslate2 ended a row before its end")

    def _alone(self, index: int) -> None:
        """A row of which we see the logits, and choose the tokens if it is steered."""
        row, progress = self._rows[index], self._progress[index]
        chooser = Chooser(row) if steered(row) else None
        native = sampling(row, self._generator.vocab_size, self._generator.device)

        def on_step(step: Any) -> bool:
            logits = self._generator.logits(step)
            token = chooser.choose(logits, step.token_id) if chooser else step.token_id
            ended = self._give(index, token, *_logprobs(row, logits, token))
            return ended or token != step.token_id

        while progress.reason is None:
            # A restart reads the prompt again, so that the first one has it kept.
            cut = self._prefixes.cut(row.context)
            if not progress.tokens and cut.kept:
                progress.cached_tokens = cut.length
            self._generator.generate(
                [progress.context],
                on_step,
                cut=cut,
                banned=() if row.logprobs is not None else _banned(row),
                max_length=min(row.max_tokens - len(progress.tokens), STEPS_WITH_LOGITS),
                end_token=[row.end_id],
                return_logits_vocab=True,
                **({"sampling_topk": 1} if chooser else native),
            )
            if progress.reason is None and self._stopped(index):
                progress.cancel()

    def _give(
        self, index: int, token: int, logprob: float | None = None, top: Sequence[tuple[int, float]] = ()
    ) -> bool:
        """Hand a token out; whether the row ends with it."""
        progress = self._progress[index]
        if self._emit(index, progress.step(token, logprob, top)):
            progress.cancel()
        return progress.reason is not None


class LockedPrefixes:
    """Prompt beginnings, for several threads."""

    def __init__(self, budget: int) -> None:
        self._lock = threading.Lock()
        self._prefixes = Prefixes(budget)

    def cut(self, prompt: Sequence[int], *, again: bool = False) -> Cut:
        """See Prefixes."""
        with self._lock:
            return self._prefixes.cut(prompt, again=again)

    def forget(self) -> None:
        """See Prefixes."""
        with self._lock:
            self._prefixes.forget()

    @property
    def crowded(self) -> bool:
        """See Prefixes."""
        return self._prefixes.crowded


def _banned(row: Row) -> list[int]:
    return [word[0] for word in row.bad_words if len(word) == 1]


def _logprobs(row: Row, logits: Logits, token: int) -> tuple[float | None, tuple[tuple[int, float], ...]]:
    if row.logprobs is None:
        return None, ()
    logprobs = log_softmax(logits)
    return float(logprobs[token]), most_likely(logprobs, row.logprobs)
