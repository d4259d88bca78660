"""Whether the engine lives: loading, probes, real traffic as proof, trouble and recovery."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from harness.waiting import until
from pilotfish.backend.proxy.engines.memory import Failure, MemoryEngine, MemorySettings
from pilotfish.backend.proxy.errors import Unavailable
from pilotfish.backend.proxy.settings import Settings
from pilotfish.backend.proxy.vitals import Vitals


@dataclass
class Patient:
    """Vitals, their engine, and the time they read."""

    vitals: Vitals
    engine: MemoryEngine
    now: float = 0.0
    busy: bool = False


async def nothing() -> None:
    """What is done once the engine has loaded."""


@asynccontextmanager
async def watched(engine: MemorySettings | None = None) -> AsyncIterator[Patient]:
    """It looks every few milliseconds of real time; what it looks at is the test's clock."""
    memory = MemoryEngine(engine)
    vitals = Vitals(memory, Settings(), lambda: patient.now, tick=0.002, probe_timeout=0.1)
    patient = Patient(vitals, memory)
    task = asyncio.create_task(patient.vitals.run(busy=lambda: patient.busy, loaded=nothing))
    try:
        yield patient
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_loading_then_ready() -> None:
    """Until the engine has given its first token, the state is loading, and requests are told to wait."""
    async with watched(MemorySettings(load_seconds=0.05)) as patient:
        await asyncio.sleep(0.01)
        assert patient.vitals.state == "loading"
        with pytest.raises(Unavailable):
            patient.vitals.require_loaded()
        await until(lambda: patient.vitals.state == "ready")
        assert patient.engine.probes == 1
        patient.vitals.require_loaded()


async def test_a_long_wait_says_for_what() -> None:
    """An engine that waits for another server names it."""
    async with watched(MemorySettings(load_seconds=5, waits_for="No Triton answers at x:8001.")) as patient:
        await asyncio.sleep(0.01)
        assert patient.vitals.detail == "No Triton answers at x:8001."


async def test_a_busy_engine_is_neither_proof_nor_trouble() -> None:
    """A probe that found the queue full changes nothing; without any token the engine is not ready for long."""
    async with watched() as patient:
        await until(lambda: patient.vitals.state == "ready")
        patient.engine.failure = Failure("busy")
        patient.now = 7.0
        await until(lambda: patient.engine.probes >= 2)
        states = [patient.vitals.state]
        patient.now = 11.0
        assert [*states, patient.vitals.state] == ["ready", "failing"]


async def test_a_failed_load_is_final_and_says_why() -> None:
    """The message is the engine's."""
    async with watched(MemorySettings(load_failure="x.gguf is damaged")) as patient:
        await patient.vitals.settled.wait()
        assert (patient.vitals.state, patient.vitals.detail) == ("failing", "x.gguf is damaged")


async def test_an_idle_engine_is_probed() -> None:
    """After some seconds without a token; not before."""
    async with watched() as patient:
        await until(lambda: patient.vitals.state == "ready")
        patient.now = 5.0
        await asyncio.sleep(0.02)
        assert patient.engine.probes == 1
        patient.now = 6.5
        await until(lambda: patient.engine.probes == 2)
        assert patient.vitals.proof_age == 0


async def test_real_traffic_is_proof_enough() -> None:
    """While requests get tokens, no probe disturbs the engine."""
    async with watched() as patient:
        await until(lambda: patient.vitals.state == "ready")
        for _ in range(5):
            patient.now += 5
            patient.vitals.prove()
            await asyncio.sleep(0.01)
        assert patient.engine.probes == 1
        assert patient.vitals.state == "ready"


async def test_no_probe_while_all_slots_are_busy() -> None:
    """It would only wait behind them; but a proof that grows old is none."""
    async with watched() as patient:
        await until(lambda: patient.vitals.state == "ready")
        patient.busy = True
        patient.now = 9.0
        await asyncio.sleep(0.02)
        assert (patient.engine.probes, patient.vitals.state) == (1, "ready")
        patient.now = 11.0
        assert patient.vitals.state == "failing"


class BuggyEngine(MemoryEngine):
    """Fails in a way that no engine should."""

    async def start(self) -> None:
        raise ZeroDivisionError


async def test_a_bug_in_the_load_is_a_failed_load() -> None:
    """It must not look like a load that takes for ever."""
    vitals = Vitals(BuggyEngine(), Settings(), lambda: 0.0)
    await vitals.run(busy=lambda: False, loaded=nothing)
    assert (vitals.state, vitals.settled.is_set()) == ("failing", True)
    assert "ZeroDivisionError" in (vitals.load_failure or "")


@pytest.mark.parametrize("kind", ["error", "unavailable", "timeout", "hang", "bug"])
async def test_trouble_is_seen_and_so_is_its_end(kind: str) -> None:
    """A failed probe means failing; then it is tried again each second."""
    async with watched() as patient:
        await until(lambda: patient.vitals.state == "ready")
        patient.engine.failure = Failure(kind)  # type: ignore[arg-type]
        patient.now = 7.0
        await until(lambda: patient.vitals.state == "failing")
        assert patient.vitals.detail
        patient.engine.failure = None
        patient.now = 8.1
        await until(lambda: patient.vitals.state == "ready")


async def test_a_failed_request_makes_it_look_at_once() -> None:
    """It does not wait for the proof to grow old."""
    async with watched() as patient:
        await until(lambda: patient.vitals.state == "ready")
        patient.engine.failure = Failure("unavailable")
        patient.now = 1.5
        patient.vitals.suspect()
        await until(lambda: patient.vitals.state == "failing")


async def test_stopping_outranks_all() -> None:
    """A server that stops takes no requests, however healthy its engine."""
    async with watched() as patient:
        await until(lambda: patient.vitals.state == "ready")
        patient.vitals.stop()
        assert patient.vitals.state == "stopping"
        with pytest.raises(Unavailable):
            patient.vitals.require_loaded()
