"""Prompts, rows, and what a decoder makes of them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.tiny_ct2 import END
from pilotfish.backend.decoder.decoder import (
    Decoder,
    Outcome,
    Row,
    Step,
)

GENERATOR = np.random.default_rng(3)
PROMPTS = [GENERATOR.integers(0, END, length).tolist() for length in (1, 2, 3, 17, 40, 41, 56, 100, 100, 200)]
LONG = PROMPTS[-1]


def row(prompt: Sequence[int], **fields: Any) -> Row:
    return Row(prompt, **{"temperature": 0.0, "start_id": END, "end_id": END, **fields})


def run(
    decoder: Decoder,
    *rows: Row,
    emit: Callable[[int, Step], bool] = lambda _index, _step: False,
    cancelled: Callable[[int], bool] = lambda _index: False,
) -> tuple[list[list[Step]], list[Outcome]]:
    """All rows' steps, and how they ended."""
    steps: list[list[Step]] = [[] for _ in rows]

    def collect(index: int, step: Step) -> bool:
        steps[index].append(step)
        return emit(index, step)

    return steps, decoder.decode(rows, collect, cancelled=cancelled)


def tokens(steps: Sequence[Step]) -> list[int]:
    return [step.token for step in steps]
