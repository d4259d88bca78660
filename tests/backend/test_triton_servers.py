"""Which Triton server is asked: those that are ready, the least busy one; and what is found out about the others."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from harness.waiting import until
from pilotfish.backend.proxy.engines.base import (
    EngineBusy,
    EngineError,
    EngineTimeout,
    EngineUnavailable,
)
from pilotfish.backend.proxy.engines.triton_servers import Server, Servers
from pilotfish.backend.proxy.engines.triton_signature import Signature
from pilotfish.backend.proxy.engines.triton_wire import NotSent, Unsuitable

MODEL = "fish"


@dataclass
class FakeWire:
    """A server as it is told to be; an error stands for whatever raises it."""

    url: str = "a:1"
    ready: bool | EngineError = True
    started: bool = True
    models: dict[str, tuple[str, str]] = field(default_factory=lambda: {MODEL: ("READY", "")})
    offers: Signature | EngineError = Signature()  # noqa: RUF009 - it is frozen
    silent_since: float | None = None
    aborted: list[str] = field(default_factory=list)
    closed: bool = False

    async def model_ready(self, seconds: float) -> bool:
        assert seconds > 0
        if isinstance(self.ready, EngineError):
            raise self.ready
        return self.ready

    async def server_ready(self, seconds: float) -> bool:
        assert seconds > 0
        return self.started

    async def index(self, seconds: float) -> dict[str, tuple[str, str]]:
        assert seconds > 0
        return self.models

    async def signature(self, seconds: float) -> Signature:
        assert seconds > 0
        if isinstance(self.offers, EngineError):
            raise self.offers
        return self.offers

    @property
    def heard(self) -> float:
        return asyncio.get_running_loop().time() if self.silent_since is None else self.silent_since

    def abort(self, why: str) -> None:
        self.aborted.append(why)

    async def close(self) -> None:
        self.closed = True


async def gives_a_token(_: Server, __: Signature) -> None:
    """A model that is well."""


def server(wire: FakeWire, prove: Callable[[Server, Signature], Awaitable[None]] = gives_a_token) -> Server:
    return Server(wire, MODEL, prove=prove, check=lambda *_: None)  # type: ignore[arg-type]


async def looked_at(
    wire: FakeWire, prove: Callable[[Server, Signature], Awaitable[None]] = gives_a_token
) -> Server:
    made = server(wire, prove)
    await made.look()
    return made


async def test_the_least_busy_is_first() -> None:
    """By the requests that run there; one that is not ready is not among them."""
    one, two, gone = [server(FakeWire(url)) for url in ("a:1", "b:1", "c:1")]
    gone.wire.ready = False  # type: ignore[attr-defined]
    servers = Servers([one, two, gone])
    for each in servers.all:
        await each.look()
    with one.busy():
        assert servers.ready() == [two, one]
        with two.busy(), two.busy():
            assert servers.ready() == [one, two]
    assert (one.running, two.running) == (0, 0)


async def test_another_model_in_the_same_place_is_noticed() -> None:
    """Triton loads a model anew without a moment in which it is not ready; what it offers then counts."""
    wire = FakeWire(offers=Signature(rows=51200))
    made = await looked_at(wire)
    wire.offers = Signature(rows=51200, decoupled=True)
    await made.look()
    assert (made.signature, made.trouble) == (wire.offers, "")
    wire.offers = Unsuitable("it has another vocabulary")
    await made.look()
    assert (made.signature, made.trouble) == (None, "it has another vocabulary")


async def test_who_failed_is_asked_last() -> None:
    """A server that fails quickly would have the fewest requests, and so get all of them."""
    one, two = await looked_at(FakeWire("a:1")), await looked_at(FakeWire("b:1"))
    one.suspect = True
    with two.busy():
        assert Servers([one, two]).ready() == [two, one]


async def test_who_failed_must_give_a_token() -> None:
    """Triton calls a model ready whose process is dead; only a token shows that it is back."""
    broken = True

    async def prove(_: Server, __: Signature) -> None:
        if broken:
            raise EngineError("stub is not healthy")

    wire = FakeWire()
    made = await looked_at(wire, prove)
    made.suspect = True
    await made.look()
    assert (made.signature, made.trouble) == (None, "stub is not healthy")
    assert wire.aborted == ["stub is not healthy"], "its streams would never end by themselves"
    broken = False
    await made.look()
    assert (made.signature is not None, made.suspect) == (True, False)


async def test_a_silent_stream_makes_us_ask_for_a_token() -> None:
    """The end of a model's process ends no stream."""
    asked = []

    async def prove(_: Server, __: Signature) -> None:
        asked.append(True)

    wire = FakeWire()
    made = await looked_at(wire, prove)
    assert asked == []
    wire.silent_since = asyncio.get_running_loop().time() - 5
    await made.look()
    assert (asked, made.signature is not None, wire.aborted) == ([True], True, [])


async def test_a_busy_server_lives() -> None:
    """A full queue is no reason to call it away."""

    async def prove(_: Server, __: Signature) -> None:
        raise EngineBusy("full")

    made = await looked_at(FakeWire(), prove)
    made.suspect = True
    await made.look()
    assert made.signature is not None


@pytest.mark.parametrize(
    ("error", "aborts"),
    [(NotSent("refused"), True), (EngineUnavailable("closed"), True), (EngineTimeout("slow"), False)],
)
async def test_a_lost_server_is_found_again(error: EngineError, *, aborts: bool) -> None:
    """What runs at one that only answers late may still come."""
    wire = FakeWire()
    made = await looked_at(wire)
    wire.ready = error
    await made.look()
    assert (made.signature, made.trouble, made.hopeless) == (None, str(error), False)
    assert bool(wire.aborted) == aborts
    wire.ready = True
    await made.look()
    assert (made.signature, made.trouble) == (Signature(), "")


async def test_what_it_offers_is_asked_again_after_it_was_away() -> None:
    """It may be back with another configuration."""
    wire = FakeWire()
    made = await looked_at(wire)
    wire.ready = NotSent("away")
    await made.look()
    wire.ready, wire.offers = True, Signature(decoupled=True)
    await made.look()
    assert made.signature == Signature(decoupled=True)


@pytest.mark.parametrize(
    ("wire", "says", "hopeless"),
    [
        (FakeWire(ready=False, models={"other": ("READY", "")}), "no model 'fish'; it has: other", True),
        (FakeWire(ready=False, models={}), "it has: none", True),
        (FakeWire(ready=False, models={}, started=False), "is starting", False),
        (FakeWire(ready=False, models={MODEL: ("LOADING", "")}), "is LOADING", False),
        (FakeWire(ready=False, models={MODEL: ("UNAVAILABLE", "unloaded")}), "UNAVAILABLE (unloaded)", False),
        (FakeWire(offers=Unsuitable("no GPT-J")), "no GPT-J", True),
    ],
)
async def test_why_a_server_has_no_model_for_us(wire: FakeWire, says: str, *, hopeless: bool) -> None:
    """Whether waiting may help is known from what it says."""
    made = await looked_at(wire)
    assert says in made.trouble
    assert (made.signature, made.hopeless) == (None, hopeless)


async def test_starting_waits_for_one() -> None:
    """Not for all of them; and it says what it waits for."""
    away, coming = FakeWire("a:1", ready=NotSent("a is away")), FakeWire("b:1", ready=NotSent("b is away"))
    servers = Servers([server(away), server(coming)])
    starting = asyncio.create_task(servers.start())
    await until(lambda: servers.trouble == "a is away b is away")
    assert not starting.done()
    coming.ready = True
    await asyncio.wait_for(starting, 5)
    assert [ready.wire.url for ready in servers.ready()] == ["b:1"]
    away.ready = True
    await until(lambda: len(servers.ready()) == 2)
    await servers.stop()
    assert away.closed
    assert coming.closed


async def test_starting_fails_when_none_has_the_model() -> None:
    """One that is away may have it; once all have said no, waiting is in vain."""
    none, away = FakeWire("a:1", ready=False, models={}), FakeWire("b:1", ready=NotSent("away"))
    servers = Servers([server(none), server(away)])
    starting = asyncio.create_task(servers.start())
    await until(lambda: "has no model" in servers.trouble)
    assert not starting.done()
    away.ready, away.models = False, {}
    with pytest.raises(EngineError, match=r"a:1 has no model.*b:1 has no model"):
        await asyncio.wait_for(starting, 5)
    await servers.stop()


async def test_who_finds_none_looks_once_more() -> None:
    """A server that came back a moment ago need not be waited for; who is told no is told why."""
    wire = FakeWire(ready=NotSent("away"))
    servers = Servers([server(wire)])
    with pytest.raises(EngineUnavailable, match="away"):
        await servers.to_ask()
    wire.ready = True
    assert len(await servers.to_ask()) == 1
    await servers.stop()


async def test_many_who_look_ask_once() -> None:
    """A thousand requests at a server that is away make one question."""
    asked = 0

    class Counting(FakeWire):
        async def model_ready(self, seconds: float) -> bool:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0.01)
            return await super().model_ready(seconds)

    made = server(Counting(ready=NotSent("away")))
    await asyncio.gather(*(made.look() for _ in range(1000)))
    assert asked == 1
