"""Turns at the engine: bounded, fair between clients, and never lost."""

import asyncio
from contextlib import suppress

import pytest

from pilotfish.backend.proxy.errors import Unavailable
from pilotfish.backend.proxy.slots import FairSlots


class Row:
    """Clients that come one after another, each holding its turn until it is let go."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots = slots
        self.served: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._go: list[asyncio.Event] = []

    async def come(self, client: str) -> asyncio.Task[None]:
        go = asyncio.Event()

        async def take() -> None:
            async with self.slots.turn(client):
                self.served.append(client)
                self._go.append(go)
                await go.wait()

        task = asyncio.create_task(take())
        self._tasks.append(task)
        await settle()
        return task

    async def let_go(self) -> None:
        """End the turn that was taken first."""
        self._go.pop(0).set()
        await settle()

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def settle() -> None:
    """Let all tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_as_many_at_once_as_slots() -> None:
    """The next one waits until a slot is free."""
    row = Row(FairSlots(2, patience=10))
    for client in "abc":
        await row.come(client)
    assert (row.served, row.slots.running, row.slots.waiting) == (["a", "b"], 2, 1)
    await row.let_go()
    assert (row.served, row.slots.running, row.slots.waiting) == (["a", "b", "c"], 2, 0)
    await row.leave()


async def test_turns_go_round_the_clients() -> None:
    """A client with ten requests in the row does not keep one with a single request waiting."""
    row = Row(FairSlots(1, patience=10))
    for client in ("greedy", "greedy", "greedy", "greedy", "modest", "third", "modest"):
        await row.come(client)
    for _ in range(6):
        await row.let_go()
    assert row.served == ["greedy", "greedy", "modest", "third", "greedy", "modest", "greedy"]
    await row.leave()


async def test_one_who_leaves_the_row_takes_no_turn() -> None:
    """Neither while waiting nor in the very moment in which the turn comes."""
    row = Row(FairSlots(1, patience=10))
    await row.come("a")
    waiting = await row.come("b")
    await row.come("c")
    waiting.cancel()
    await settle()
    assert row.slots.waiting == 1
    late = row._tasks[2]
    row._go.pop(0).set()
    late.cancel()  # the turn is handed over in the same moment
    await settle()
    await row.come("d")
    assert row.served[-1] == "d"
    await row.leave()
    assert (row.slots.running, row.slots.waiting) == (0, 0)


async def test_patience_ends() -> None:
    """Who waited too long gets a 503 that says when to come back, and the row goes on."""
    row = Row(FairSlots(1, patience=0.02))
    await row.come("a")
    with pytest.raises(Unavailable) as tired:
        async with row.slots.turn("b"):
            pass
    assert tired.value.headers["retry-after"] == "1"
    assert row.slots.waiting == 0
    await row.leave()


async def test_closing_sends_everybody_away() -> None:
    """Those who wait and those who come; who runs goes on."""
    row = Row(FairSlots(1, patience=10))
    running = await row.come("a")
    waiting = await row.come("b")
    row.slots.close()
    await settle()
    assert isinstance(waiting.exception(), Unavailable)
    assert not running.done()
    with pytest.raises(Unavailable):
        async with row.slots.turn("c"):
            pass
    await row.leave()


async def test_more_slots_wake_those_who_wait() -> None:
    """The number of slots is known only when the engine has loaded."""
    row = Row(FairSlots(1, patience=10))
    for client in "abcd":
        await row.come(client)
    row.slots.resize(3)
    await settle()
    assert row.served == ["a", "b", "c"]
    await row.leave()


async def test_no_turn_is_ever_lost() -> None:
    """After a storm of clients of whom half give up, all slots are free again."""
    slots = FairSlots(3, patience=0.05)

    async def visit(number: int) -> None:
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(0.001 * (number % 7) + 0.001), slots.turn(f"client{number % 5}"):
                await asyncio.sleep(0.001 * (number % 3))

    await asyncio.gather(*(visit(number) for number in range(300)))
    assert (slots.running, slots.waiting) == (0, 0)
    row = Row(slots)
    for client in "abcd":
        await row.come(client)
    assert row.served == ["a", "b", "c"]
    await row.leave()
