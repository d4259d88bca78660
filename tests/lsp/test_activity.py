"""When the model counts as at work."""

import asyncio

import pytest

from pilotfish.lsp import activity
from pilotfish.lsp.activity import Activity


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What status bars were told, with times that a test can wait for."""
    monkeypatch.setattr(activity, "MOMENT", 0.1)
    monkeypatch.setattr(activity, "LINGER", 0.15)
    return []


async def told_as(told: list[str], wanted: list[str]) -> None:
    """Wait until that was told, with a deadline."""
    async with asyncio.timeout(5):
        while told != wanted:
            await asyncio.sleep(0.005)


async def test_quick_calls_are_not_work(told: list[str]) -> None:
    """However many follow each other, none of them makes anybody wait."""
    watched = Activity(told.append)
    for number in range(20):
        watched.began(number)
        await asyncio.sleep(0.01)
        watched.ended(number)
    await asyncio.sleep(0.2)
    assert told == []


async def test_a_slow_call_is_work_until_some_time_after_its_end(told: list[str]) -> None:
    """It is told once, and once that it is over."""
    watched = Activity(told.append)
    watched.began(1)
    await told_as(told, ["working"])
    watched.ended(1)
    assert told == ["working"]
    await told_as(told, ["working", "ready"])


async def test_slow_calls_in_a_row_do_not_flicker(told: list[str]) -> None:
    """Each key that starts another slow call leaves the status as it is."""
    watched = Activity(told.append)
    watched.began(0)
    await told_as(told, ["working"])
    for number in range(1, 6):
        watched.ended(number - 1)
        await asyncio.sleep(0.02)
        watched.began(number)
        await asyncio.sleep(0.12)
    assert told == ["working"]
    watched.ended(5)
    watched.ended(5)
    await told_as(told, ["working", "ready"])


async def test_one_of_two_that_ends_is_not_the_end(told: list[str]) -> None:
    """While another call runs, the model is at work."""
    watched = Activity(told.append)
    watched.began(1)
    watched.began(2)
    await told_as(told, ["working"])
    watched.ended(1)
    await asyncio.sleep(0.25)
    assert told == ["working"]
    watched.ended(2)
    await told_as(told, ["working", "ready"])
