"""Shares a decoder among requests: as many threads as it has slots, and what waits together is decoded together."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from .batches import MOST_ROWS, batches
from .decoder import Emit
from .rows import DecodeError, QueueFull, Row, Step

MOST_WAITING = 512
"""Requests that wait for a slot. One more is refused at once instead of being answered too late."""


class Job(Protocol):
    """One request. Its methods are called from other threads, one at a time."""

    @property
    def rows(self) -> Sequence[Row]:
        """What to decode."""
        ...

    def give(self, index: int, step: Step) -> bool:
        """Take a row's next token; True ends the row."""
        ...

    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""
        ...

    def finish(self) -> None:
        """All rows have ended; nothing else is called."""
        ...

    def fail(self, error: Exception) -> None:
        """Something went wrong; nothing else is called."""
        ...


class Decodes(Protocol):
    """What is used of a Decoder."""

    slots: int

    def decode(self, rows: Sequence[Row], emit: Emit, *, cancelled: Callable[[int], bool]) -> object:
        """See Decoder."""
        ...

    def close(self) -> None:
        """See Decoder."""
        ...


class Scheduler:
    """Takes jobs until it is closed."""

    def __init__(self, decoder: Decodes) -> None:
        self._decoder = decoder
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"slot-{number}", daemon=True)
            for number in range(decoder.slots)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Decode jobs as soon as there is a slot; first come, first served. Those that are too many fail."""
        with self._changed:
            closed = self._closed
            room = 0 if closed else MOST_WAITING - len(self._waiting)
            self._waiting.extend(jobs[:room])
            self._changed.notify_all()
        _refuse(jobs[room:], _unloading() if closed else _full())

    def close(self) -> None:
        """End what runs at its next token, refuse what waits, and close the decoder."""
        with self._changed:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        _refuse(left, _unloading())
        self._decoder.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                shared = _Shared(self._next())
            try:
                self._decoder.decode(shared.rows, shared.give, cancelled=shared.cancelled)
            except Exception as error:  # noqa: BLE001 - whoever waits must be told, and the thread must live
                shared.fail(error)
            else:
                shared.finish()

    def _next(self) -> list[Job]:
        """The job that came first, and those whose rows fit into its batches."""
        jobs = [self._waiting.popleft()]
        rows = [*jobs[0].rows]
        calls = len(batches(rows))
        left: deque[Job] = deque()
        while self._waiting and len(rows) < calls * MOST_ROWS:
            job = self._waiting.popleft()
            together = [*rows, *job.rows]
            if len(batches(together)) == calls:
                jobs.append(job)
                rows = together
            else:
                left.append(job)
        self._waiting.extendleft(reversed(left))
        return jobs


class _Shared:
    """Jobs that are decoded in one call; each ends when its own rows have."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._places = [(job, index) for job in jobs for index in range(len(job.rows))]
        self._left = {id(job): len(job.rows) for job in jobs}
        self._going = {id(job): job for job in jobs}
        self.rows = [job.rows[index] for job, index in self._places]

    def give(self, place: int, step: Step) -> bool:
        """See Decoder.decode."""
        job, index = self._places[place]
        if id(job) not in self._going:
            return True
        try:
            ended = job.give(index, step)
        except Exception as error:  # noqa: BLE001 - the others' rows go on
            _tell(self._going.pop(id(job)), error)
            return True
        if ended or step.last:
            self._left[id(job)] -= 1
            if not self._left[id(job)]:
                _tell(self._going.pop(id(job)))
        return ended

    def cancelled(self, place: int) -> bool:
        """See Decoder.decode."""
        job, _ = self._places[place]
        return id(job) not in self._going or job.cancelled()

    def finish(self) -> None:
        """Those that are left had rows that ended without a token."""
        for job in self._going.values():
            _tell(job)

    def fail(self, error: Exception) -> None:
        """Tell those that are left."""
        for job in self._going.values():
            _tell(job, error)


def _refuse(jobs: Sequence[Job], error: DecodeError) -> None:
    for job in jobs:
        _tell(job, error)


def _unloading() -> DecodeError:
    return DecodeError("the model is being unloaded")


def _full() -> DecodeError:
    # As Triton's own schedulers say it, so that clients need to know one sentence.
    return QueueFull(f"Exceeds maximum queue size: {MOST_WAITING} requests wait")


def _tell(job: Job, error: Exception | None = None) -> None:
    # Somebody who can't be told must not keep the others from being told.
    with contextlib.suppress(Exception):
        if error is None:
            job.finish()
        else:
            job.fail(error)
