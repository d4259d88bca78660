"""Greedy text of a model's weights, by the numpy decoder that `verify` compares with."""

from collections.abc import Sequence

from pilotfish.backend.converter.reference import Weights, logits


def greedy(weights: Weights, ids: Sequence[int], count: int, end_id: int | None = None) -> list[int]:
    """The ``count`` most probable ids after ``ids``, or fewer up to and with ``end_id``."""
    chosen: list[int] = []
    while len(chosen) < count and (not chosen or chosen[-1] != end_id):
        chosen.append(int(logits(weights, [*ids, *chosen], last=1)[0, -1].argmax()))
    return chosen


def is_greedy(weights: Weights, ids: Sequence[int], chosen: Sequence[int]) -> bool:
    """Whether ``chosen`` is what ``greedy`` gives after ``ids``: each is the best after all before it.

    It reads the model once, where ``greedy`` reads it for every id.
    """
    best = logits(weights, [*ids, *chosen[:-1]], last=len(chosen))[0].argmax(-1)
    return bool(best.tolist() == list(chosen))
