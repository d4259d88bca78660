"""Runs a function over many items in several processes; results come in the items' order, a few batches ahead."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from .options import DatasetError

Thing = TypeVar("Thing")
Result = TypeVar("Result")
_AHEAD = 3
"""Batches for each process that wait or are done."""


def usable_processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped(
    work: Callable[[Sequence[Thing]], list[Result]], batches: Iterable[Sequence[Thing]], processes: int
) -> Iterator[Result]:
    """What ``work`` makes of each batch, one after the other. With one process, it is this one."""
    if processes <= 1:
        for batch in batches:
            yield from work(batch)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)
    source = iter(batches)
    waiting: deque[Future[list[Result]]] = deque()
    try:
        for batch in islice(source, processes * _AHEAD):
            waiting.append(_submitted(pool, work, batch))
        while waiting:
            yield from waiting.popleft().result()
            for batch in islice(source, 1):
                waiting.append(_submitted(pool, work, batch))
    except BrokenProcessPool as error:
        raise DatasetError(
            "A process that examined files was killed, for want of memory perhaps. Make room, or try a smaller "
            "--max-file-size."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _submitted(
    pool: ProcessPoolExecutor, work: Callable[[Sequence[Thing]], list[Result]], batch: Sequence[Thing]
) -> Future[list[Result]]:
    """Hand a batch to the pool. That may start a process, which shall leave Ctrl+C to us, from its beginning on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what is started inherits this
    try:
        return pool.submit(work, batch)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Go when the parent goes, however that is."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: "multiprocessing.process.BaseProcess") -> None:
    parent.join()
    os._exit(1)
