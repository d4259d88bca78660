"""Requests that share a decoder, with one that generates nothing real."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from pilotfish.backend.decoder.batches import MOST_ROWS
from pilotfish.backend.decoder.decoder import DecodeError, Emit, Row, Step
from pilotfish.backend.decoder.rows import QueueFull
from pilotfish.backend.decoder.scheduler import MOST_WAITING, Scheduler

DEADLINE = 20.0
GREEDY = Row((1, 2, 3), max_tokens=3)
DRAWN = Row((1, 2, 3), max_tokens=3, top_p=0.9)


class FakeDecoder:
    """Waits at a gate, then gives every row as many tokens as it wants: their own numbers."""

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self.calls: list[list[Row]] = []
        self.gate = threading.Semaphore(0)
        self.error: Exception | None = None
        self.closed = False

    def decode(self, rows: Sequence[Row], emit: Emit, *, cancelled: Callable[[int], bool]) -> object:
        """One round of tokens after another, as a batch does."""
        self.calls.append(list(rows))
        assert self.gate.acquire(timeout=DEADLINE)
        if self.error is not None:
            raise self.error
        going = [index for index in range(len(rows)) if rows[index].max_tokens and not cancelled(index)]
        for number in range(1, max((row.max_tokens for row in rows), default=0) + 1):
            for index in list(going):
                last = number == rows[index].max_tokens
                if emit(index, Step(number, last=last)) or last:
                    going.remove(index)
        return None

    def close(self) -> None:
        """Nothing runs any more."""
        self.closed = True
        self.gate.release(1000)


class FakeJob:
    """Records what it is told."""

    def __init__(self, *rows: Row, hang_up_after: int = 1000, give_error: Exception | None = None) -> None:
        self.rows = rows
        self.tokens: list[tuple[int, int]] = []
        self.ended = threading.Event()
        self.ends: list[Exception | None] = []
        self._hang_up_after = hang_up_after
        self._give_error = give_error

    def give(self, index: int, step: Step) -> bool:
        if self._give_error:
            raise self._give_error
        self.tokens.append((index, step.token))
        return self.cancelled()

    def cancelled(self) -> bool:
        return len(self.tokens) >= self._hang_up_after

    def finish(self) -> None:
        self.ends.append(None)
        self.ended.set()

    def fail(self, error: Exception) -> None:
        self.ends.append(error)
        self.ended.set()


def wait(*jobs: FakeJob) -> None:
    for job in jobs:
        assert job.ended.wait(DEADLINE)


def wait_for_calls(decoder: FakeDecoder, count: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while len(decoder.calls) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def started(decoder: FakeDecoder, *jobs: FakeJob) -> Scheduler:
    """A scheduler whose only slot is busy with another job, while these wait."""
    scheduler = Scheduler(decoder)
    scheduler.submit([FakeJob(GREEDY)])
    wait_for_calls(decoder, 1)
    scheduler.submit(jobs)
    return scheduler


def test_what_waits_together_and_is_alike_is_decoded_together() -> None:
    """In one call; what is sampled otherwise comes after it, in the order in which it came."""
    decoder = FakeDecoder()
    jobs = [FakeJob(GREEDY), FakeJob(DRAWN), FakeJob(GREEDY, GREEDY), FakeJob(DRAWN)]
    scheduler = started(decoder, *jobs)
    decoder.gate.release(10)
    wait(*jobs)
    assert decoder.calls == [[GREEDY], [GREEDY] * 3, [DRAWN] * 2]
    assert jobs[2].tokens == [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)]
    scheduler.close()


class Counted(tuple[int, ...]):
    """A prompt that counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[int]:
        Counted.times += 1
        return super().__iter__()


def test_choosing_what_to_decode_is_little_work_however_many_wait() -> None:
    """Prompts are long, and meanwhile nobody's tokens are sent: a batch is no work for those it has no room for."""
    decoder = FakeDecoder()
    jobs = [FakeJob(Row(Counted([1, 2, 3]), max_tokens=1)) for _ in range(MOST_WAITING)]
    scheduler = started(decoder, *jobs)
    Counted.times = 0
    decoder.gate.release()
    wait_for_calls(decoder, 2)
    assert len(decoder.calls[1]) == MOST_ROWS
    assert Counted.times < 4 * MOST_ROWS**2
    decoder.gate.release(1000)
    wait(*jobs)
    scheduler.close()


def test_what_is_too_much_is_refused_at_once() -> None:
    """The queue is bounded; those that wait are served all the same."""
    decoder = FakeDecoder()
    jobs = [FakeJob(GREEDY) for _ in range(MOST_WAITING + 2)]
    scheduler = started(decoder, *jobs)
    wait(*jobs[-2:])
    assert all(isinstance(job.ends[0], QueueFull) for job in jobs[-2:])
    assert "Exceeds maximum queue size" in str(jobs[-1].ends[0])
    decoder.gate.release(MOST_WAITING)
    wait(*jobs)
    assert [job.ends for job in jobs[:-2]] == [[None]] * MOST_WAITING
    scheduler.close()


def test_a_call_has_no_more_rows_than_fit() -> None:
    """The rest waits."""
    decoder = FakeDecoder()
    jobs = [FakeJob(GREEDY) for _ in range(MOST_ROWS + 1)]
    scheduler = started(decoder, *jobs)
    decoder.gate.release(10)
    wait(*jobs)
    assert [len(call) for call in decoder.calls] == [1, MOST_ROWS, 1]
    scheduler.close()


def test_a_job_ends_with_its_own_rows() -> None:
    """Not with those of others, which go on."""
    decoder = FakeDecoder()
    order: list[str] = []
    short, long = FakeJob(Row((1, 2, 3), max_tokens=1)), FakeJob(Row((1, 2, 3), max_tokens=9))
    short.finish, long.finish = order_of(order, "short", short), order_of(order, "long", long)  # type: ignore[method-assign]
    scheduler = started(decoder, long, short)
    decoder.gate.release(10)
    wait(short, long)
    assert order == ["short", "long"]
    assert len(decoder.calls[1]) == 2
    scheduler.close()


def order_of(order: list[str], name: str, job: FakeJob) -> Callable[[], None]:
    def finish() -> None:
        order.append(name)
        job.ended.set()

    return finish


def test_who_hangs_up_ends_alone() -> None:
    """While the others get all their tokens; and one that hung up while it waited gets none."""
    decoder = FakeDecoder()
    leaving, gone, staying = (
        FakeJob(GREEDY, hang_up_after=2),
        FakeJob(GREEDY, hang_up_after=0),
        FakeJob(GREEDY),
    )
    scheduler = started(decoder, leaving, gone, staying)
    decoder.gate.release(10)
    wait(leaving, gone, staying)
    assert [job.tokens for job in (leaving, gone, staying)] == [
        [(0, 1), (0, 2)],
        [],
        [(0, 1), (0, 2), (0, 3)],
    ]
    assert [job.ends for job in (leaving, gone, staying)] == [[None]] * 3
    scheduler.close()


def test_a_job_that_can_not_be_told_does_not_disturb_the_others() -> None:
    """Its error is its own, said once."""
    decoder = FakeDecoder()
    broken, sound = FakeJob(GREEDY, GREEDY, give_error=OSError("gone")), FakeJob(GREEDY)
    scheduler = started(decoder, broken, sound)
    decoder.gate.release(10)
    wait(broken, sound)
    assert [type(end) for end in broken.ends] == [OSError]
    assert (sound.ends, len(sound.tokens)) == ([None], 3)
    scheduler.close()


def test_a_failure_is_told_to_all_of_the_call_and_the_next_one_is_served() -> None:
    """The thread lives on."""
    decoder = FakeDecoder()
    jobs = [FakeJob(GREEDY), FakeJob(GREEDY)]
    decoder.error = DecodeError("out of memory")
    scheduler = started(decoder, *jobs)
    decoder.gate.release(2)
    wait(*jobs)
    assert [job.ends for job in jobs] == [[decoder.error]] * 2
    decoder.error = None
    after = FakeJob(GREEDY)
    scheduler.submit([after])
    decoder.gate.release()
    wait(after)
    assert after.ends == [None]
    scheduler.close()


def test_rows_of_no_tokens_end_with_the_call() -> None:
    """They are given none."""
    decoder = FakeDecoder()
    job = FakeJob(Row((1,), max_tokens=0))
    scheduler = started(decoder, job)
    decoder.gate.release(10)
    wait(job)
    assert (job.tokens, job.ends) == ([], [None])
    scheduler.close()


@pytest.mark.parametrize("slots", [1, 3])
def test_each_slot_takes_a_job(slots: int) -> None:
    """At the same time."""
    decoder = FakeDecoder(slots)
    scheduler = Scheduler(decoder)
    jobs = [FakeJob(GREEDY) for _ in range(slots)]
    for number, job in enumerate(jobs):
        scheduler.submit([job])
        wait_for_calls(decoder, number + 1)
    decoder.gate.release(slots)
    wait(*jobs)
    scheduler.close()


def test_closing_refuses_what_waits_and_what_comes() -> None:
    """And closes the decoder; what runs is the decoder's to end."""
    decoder = FakeDecoder()
    waiting, late = FakeJob(GREEDY), FakeJob(GREEDY)
    scheduler = started(decoder, waiting)
    scheduler.close()
    scheduler.submit([late])
    wait(waiting, late)
    assert [type(end) for end in (*waiting.ends, *late.ends)] == [DecodeError] * 2
    assert decoder.closed
