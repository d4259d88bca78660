"""Which slot serves which request."""

import asyncio

import pytest

from pilotfish.backend.proxy.engines.base import EngineUnavailable
from pilotfish.backend.proxy.engines.llama_slots import (
    Lease,
    Slot,
    SlotPool,
    Speeds,
    choose_slot,
    shared_start,
)

SPEEDS = Speeds(prefill=400.0, decode=60.0)
NOW = 1000.0


def text(mark: int, length: int) -> list[int]:
    """Tokens that have nothing in common with those of another mark."""
    return [mark * 10_000 + index for index in range(length)]


def chosen(prompt: list[int], *slots: Slot) -> int | None:
    slot = choose_slot(slots, prompt, now=NOW, speeds=SPEEDS)
    return None if slot is None else slot.id


@pytest.mark.parametrize("length", [0, 1, 2, 7, 64, 1000])
@pytest.mark.parametrize("same", [0, 1, 3, 63, 999])
def test_shared_start_is_the_longest_common_prefix(length: int, same: int) -> None:
    """The same as counting item by item."""
    one, other = text(1, length), text(1, length)
    if same < length:
        other[same] = -5
    assert shared_start(one, other) == min(same, length)
    assert shared_start(one, other[: length // 2]) == min(same, length // 2)


def test_the_slot_that_knows_the_beginning_is_taken() -> None:
    """Typing goes on in its slot, although another one is empty."""
    typing = Slot(0, held=text(1, 520), used=NOW - 0.2)
    assert chosen([*text(1, 500), 7, 8], typing, Slot(1)) == 0


def test_a_deleted_line_does_not_lose_the_slot() -> None:
    """A prompt that got shorter is all in the slot that held the longer one."""
    assert chosen(text(1, 400), Slot(0, held=text(1, 520), used=NOW - 0.2), Slot(1)) == 0


def test_the_next_window_is_not_read_over_the_one_in_use() -> None:
    """A window that shares only its header with the one in use goes to the other slot."""
    header = text(9, 100)
    typing = Slot(0, held=[*header, *text(1, 500)], used=NOW - 0.3)
    other = Slot(1, held=text(2, 600), used=NOW - 20)
    assert chosen([*header, *text(3, 500)], typing, other) == 1


@pytest.mark.parametrize("warm", [0, 1])
def test_something_short_evicts_what_is_colder(warm: int) -> None:
    """A short prompt that has nothing to do with either slot takes the one that was used longer ago."""
    slots = [Slot(number, held=text(number + 1, 500), used=NOW - 60) for number in (0, 1)]
    slots[warm].used = NOW - 1
    assert chosen(text(9, 20), *slots) == 1 - warm


def test_an_empty_slot_comes_before_a_filled_one() -> None:
    """As long as there is an empty slot nothing is evicted, however cold."""
    assert chosen(text(9, 20), Slot(0, held=text(1, 300), used=NOW - 40), Slot(1)) == 1


def test_a_busy_slot_that_knows_nearly_everything_is_waited_for() -> None:
    """Reading 500 tokens again takes longer than waiting for a line to end."""
    typing = Slot(0, held=text(1, 520), busy=True, left=12, used=NOW)
    assert chosen([*text(1, 520), 7], typing, Slot(1)) == 0


def test_a_busy_slot_is_not_waited_for_to_spare_a_few_tokens() -> None:
    """A short prompt is read elsewhere at once."""
    assert chosen(text(1, 20), Slot(0, held=text(1, 20), busy=True, left=64), Slot(1)) == 1


def test_nothing_waits_behind_a_stranger() -> None:
    """A request never queues behind one it shares nothing with, only to keep an idle slot warm."""
    busy, warm = Slot(0, held=text(1, 20), busy=True, left=64), Slot(1, held=text(2, 2000), used=NOW)
    assert chosen(text(3, 4), busy, warm) == 1


def test_all_busy_with_other_things() -> None:
    """Then no slot is better than another."""
    assert chosen(text(3, 4), Slot(0, held=text(1, 9), busy=True), Slot(1, busy=True)) is None


class Clock:
    """Time that stands still until it is told to go on."""

    now = NOW

    def __call__(self) -> float:
        return self.now


def make_pool(count: int = 2, *, patience: float = 60.0) -> SlotPool:
    return SlotPool(count, speeds=SPEEDS, clock=Clock(), warm_patience=patience)


async def soon(task: "asyncio.Task[Lease]") -> Lease:
    async with asyncio.timeout(5):
        return await task


async def waits(task: "asyncio.Task[Lease]") -> bool:
    """Whether a task has not got its slot, once everything that could happen has happened."""
    for _ in range(5):
        await asyncio.sleep(0)
    return not task.done()


async def test_a_lease_tells_what_is_cached() -> None:
    """What was held when a slot is given back is known to the next one who takes it."""
    pool = make_pool()
    lease = await pool.acquire(text(1, 100), tokens=8)
    assert lease.cached == 0
    lease.release([*text(1, 100), 5, 6])
    again = await pool.acquire([*text(1, 100), 5, 9], tokens=8)
    assert (again.slot.id, again.cached) == (lease.slot.id, 101)


async def test_what_was_cut_short_is_only_known_as_far_as_it_came() -> None:
    """A slot whose prompt was given up half way holds that half."""
    pool = make_pool()
    lease = await pool.acquire(text(1, 100), tokens=8)
    lease.release(text(1, 40), early=True)
    assert (await pool.acquire(text(1, 100), tokens=8)).cached == 40


async def test_those_who_wait_are_served_in_order() -> None:
    """First come, first served, each as soon as a slot is free."""
    pool = make_pool(1)
    first = await pool.acquire(text(1, 10), tokens=8)
    tasks = [asyncio.create_task(pool.acquire(text(mark, 10), tokens=8)) for mark in (2, 3)]
    assert await waits(tasks[0])
    assert await waits(tasks[1])
    first.release([])
    second = await soon(tasks[0])
    assert await waits(tasks[1])
    second.release([])
    await soon(tasks[1])


async def test_giving_up_while_waiting_leaves_the_slot_to_the_next() -> None:
    """A cancelled waiter neither keeps a slot nor holds others up."""
    pool = make_pool(1)
    first = await pool.acquire(text(1, 10), tokens=8)
    gone, next_ = (asyncio.create_task(pool.acquire(text(mark, 10), tokens=8)) for mark in (2, 3))
    assert await waits(next_)
    first.release([])  # `gone` is handed the slot, but is cancelled before it runs
    gone.cancel()
    await soon(next_)
    assert gone.cancelled()


async def test_warming_up_waits_while_somebody_wants_an_answer() -> None:
    """A warm-up takes no slot while a request is running, not even an idle one."""
    pool = make_pool()
    lease = await pool.acquire(text(1, 10), tokens=8)
    warm = asyncio.create_task(pool.acquire(text(2, 500), tokens=0, background=True))
    assert await waits(warm)
    lease.release([])
    await soon(warm)


async def test_warming_up_does_not_wait_for_ever() -> None:
    """After its patience it goes on beside the others."""
    pool = make_pool(patience=0.01)
    await pool.acquire(text(1, 10), tokens=8)
    await soon(asyncio.create_task(pool.acquire(text(2, 500), tokens=0, background=True)))


async def test_a_request_goes_before_a_warm_up() -> None:
    """Of two that wait, the one with somebody waiting for an answer comes first, whatever the order."""
    pool = make_pool(1)
    lease = await pool.acquire(text(1, 10), tokens=8)
    warm = asyncio.create_task(pool.acquire(text(2, 10), tokens=0, background=True))
    assert await waits(warm)
    asked = asyncio.create_task(pool.acquire(text(3, 10), tokens=8))
    assert await waits(asked)
    lease.release([])
    taken = await soon(asked)
    assert await waits(warm)
    taken.release([])
    await soon(warm)


async def test_a_probe_takes_no_busy_slot_and_leaves_no_trace() -> None:
    """An idle slot is lent with what it holds; its age is what it was."""
    pool = make_pool()
    lease = await pool.acquire(text(1, 100), tokens=8)
    lease.release(text(1, 100))
    used = lease.slot.used
    probe = pool.take_idle()
    assert probe is not None
    assert probe.slot is lease.slot
    other = pool.take_idle()
    assert other is not None
    assert pool.take_idle() is None
    probe.release(text(1, 100), used=used - 1)
    assert lease.slot.used == used - 1


async def test_evicted_prompts_are_remembered() -> None:
    """What llama.cpp may still have in memory is known, what was only added to is not counted."""
    pool = make_pool(1)
    for prompt in (text(1, 100), [*text(1, 100), 5], text(2, 50)):
        (await pool.acquire(prompt, tokens=8)).release(prompt)
    assert pool.evicted == [[*text(1, 100), 5]]


async def test_closing_sends_all_away() -> None:
    """Whoever waits for a slot of an engine that stops hears so."""
    pool = make_pool(1)
    await pool.acquire(text(1, 10), tokens=8)
    waiting = asyncio.create_task(pool.acquire(text(2, 10), tokens=8))
    assert await waits(waiting)
    pool.close(EngineUnavailable("stopped"))
    with pytest.raises(EngineUnavailable):
        await soon(waiting)
