"""Matrices of a checkpoint, one above the other, converted block by block on all processors.

Reading, converting, hashing and writing leave Python's lock, so the next blocks are made while one is being written.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from .ct2_numbers import Array, NotFinite
from .problems import ConvertError
from .tensors import Rows

T = TypeVar("T")
_BLOCK = 1 << 20  # elements: 4 MB as float32, about what a processor's cache holds
_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor."""

    name: str
    """As the checkpoint's reader knows it, for messages."""
    rows: Rows
    rotary: bool = False
    """Whether its rows are heads, of which the rotary ones change places: adjacent pairs become halves."""


@dataclass(frozen=True, slots=True)
class Heap:
    """Tensors of equal width, one above the other."""

    parts: tuple[Part, ...]
    head_dim: int = 1
    rotary_dim: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all together."""
        first = self.parts[0].rows
        return (sum(part.rows.shape[0] for part in self.parts), *first.shape[1:])

    @property
    def dtype(self) -> str:
        """Of the checkpoint's numbers."""
        return self.parts[0].rows.dtype

    def blocks(self, convert: Callable[[Array], T]) -> Iterator[T]:
        """What ``convert`` makes of the rows, some at a time, in their order; whole heads where they are rotary.

        Raises ``ConvertError`` that names the tensor for numbers that can't be converted.
        """
        jobs = list(self._jobs(convert))
        # Most tensors are small: not worth a thread.
        return in_order(jobs) if len(jobs) > 1 else (job() for job in jobs)

    def _jobs(self, convert: Callable[[Array], T]) -> Iterator[Callable[[], T]]:
        for part in self.parts:
            count, *rest = part.rows.shape
            width = rest[0] if rest else 1
            step = max(1, _BLOCK // width // self.head_dim) * self.head_dim
            for start in range(0, count, step):
                yield partial(self._block, part, start, min(start + step, count), convert)

    def _block(self, part: Part, start: int, stop: int, convert: Callable[[Array], T]) -> T:
        block = part.rows.between(start, stop).array()
        if part.rotary:
            columns = block.shape[1]
            order = rotary_order(self.head_dim, self.rotary_dim)
            block = block.reshape(-1, self.head_dim, columns)[:, order].reshape(-1, columns)
        try:
            return convert(block)
        except NotFinite as error:
            raise ConvertError(f"The checkpoint's {part.name} {error}.") from error


def rotary_order(head_dim: int, rotary_dim: int) -> Array:
    """Which of a head's rows stands where, int [head_dim]: the even rotary ones, the odd ones, the rest."""
    return np.concatenate(
        [np.arange(0, rotary_dim, 2), np.arange(1, rotary_dim, 2), np.arange(rotary_dim, head_dim)]
    )


def in_order(jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
    """The jobs' results in the jobs' order; a few of the next ones are being worked on meanwhile."""
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for job in jobs:
            waiting.append(pool.submit(job))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
