"""Sorts rows into batches that CTranslate2 can decode together. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .prefixes import common_length
from .rows import Row

SPREAD = 16
"""Tokens by which the unshared parts of a batch's prompts may differ: beyond the shortest they are read one by one."""
MOST_ROWS = 64
"""Of one batch."""
LEAST_SHARED = 32
"""A beginning that all prompts of a batch share is read once if it is at least this long."""
NUCLEUS_ON_GPU = 64
"""CTranslate2's top_p on GPUs needs a top_k, and this is the largest that it is quick with."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are decoded in one call."""

    indices: tuple[int, ...]
    shared: int = 0
    """How many first tokens all their prompts share, and at least one token of each is not among them."""
    alone: bool = False
    """Whether the row needs the logits of every step, which CTranslate2 hands over for a batch of one."""


def steered(row: Row) -> bool:
    """Whether our own choice of tokens is needed: CTranslate2 has no seed for a row, no bias and other penalties."""
    return bool(
        row.logit_bias
        or row.repetition_penalty != 1
        or row.presence_penalty
        or row.frequency_penalty
        or any(len(word) > 1 for word in row.bad_words)
        # What CTranslate2 bans is gone from the logits that it tells as well.
        or (row.bad_words and row.logprobs is not None)
        or (row.seed is not None and not row.greedy)
    )


def batches(rows: Sequence[Row], limit: int = MOST_ROWS) -> list[Batch]:
    """Every row in exactly one batch of at most ``limit``."""
    together: dict[Any, list[int]] = {}
    found = []
    for index, row in enumerate(rows):
        if steered(row) or row.logprobs:
            found.append(Batch((index,), alone=True))
        else:
            together.setdefault(_kind(row), []).append(index)
    for indices in together.values():
        # Alike prompts side by side, so that what is cut off at the limit is alike too.
        indices.sort(key=lambda index: (len(rows[index].context), tuple(rows[index].context)))
        first = 0
        while first < len(indices):
            found.append(_first_batch(rows, indices[first : first + limit]))
            first += len(found[-1].indices)
    return found


def _first_batch(rows: Sequence[Row], indices: Sequence[int]) -> Batch:
    """As many of the rows, which come by length, as fit together with the first."""
    shortest = len(rows[indices[0]].context)
    spread = SPREAD if shortest > 1 else 0
    taken = [index for index in indices if len(rows[index].context) - shortest <= spread]
    prompts = [tuple(rows[index].context) for index in taken]
    # Where the unshared parts differ in length CTranslate2 (4.8) hands out the longer ones' tokens as if it had
    # generated them, unless the shortest has two at least.
    left = 1 if len(prompts[-1]) == shortest else 2
    shared = min(shortest - left, *(common_length(prompts[0], prompt) for prompt in prompts))
    return Batch(tuple(taken), shared=shared if len(taken) > 1 and shared >= LEAST_SHARED else 0)


def _kind(row: Row) -> tuple[object, ...]:
    drawn = () if row.greedy else (row.temperature, row.top_k, row.top_p)
    banned = frozenset(word[0] for word in row.bad_words)
    return (drawn, banned, row.end_id, row.logprobs is None)


def sampling(row: Row, vocab_size: int, device: str) -> Mapping[str, float]:
    """CTranslate2's own sampling for a row that is not steered."""
    if row.greedy:
        return {"sampling_topk": 1}
    top_k = min(row.top_k, vocab_size)
    top_p = row.top_p if 0 < row.top_p < 1 else 1.0
    if device == "cuda" and top_p < 1:
        top_k = min(top_k or NUCLEUS_ON_GPU, NUCLEUS_ON_GPU)
    return {"sampling_topk": top_k, "sampling_topp": top_p, "sampling_temperature": row.temperature}
