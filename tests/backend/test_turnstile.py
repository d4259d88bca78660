"""Who may come in: the house's bound, and each key's share."""

from contextlib import ExitStack

import pytest

from pilotfish.backend.proxy.auth import ANYBODY, Client
from pilotfish.backend.proxy.errors import TooManyRequests, Unavailable
from pilotfish.backend.proxy.settings import Limits
from pilotfish.backend.proxy.slots import FairSlots
from pilotfish.backend.proxy.turnstile import TokenBucket, Turnstile


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def turnstile(clock: Clock | None = None, *, slots: int = 1, **limits: float) -> Turnstile:
    made = Limits(**{"queue": 2, **limits})  # type: ignore[arg-type]
    return Turnstile(made, FairSlots(slots, patience=1), clock or Clock())


def check_refused(gate: Turnstile, client: Client, code: str) -> TooManyRequests:
    with pytest.raises(TooManyRequests) as refused, gate.enter(client):
        pass
    assert refused.value.code == code
    assert int(refused.value.headers["retry-after"]) >= 1
    return refused.value


def test_slots_and_queue_bound_the_house() -> None:
    """One slot and two places to wait: the fourth is sent away; when one leaves, one may come."""
    gate = turnstile()
    with ExitStack() as inside:
        for _ in range(2):
            inside.enter_context(gate.enter(ANYBODY))
        with gate.enter(ANYBODY):
            check_refused(gate, ANYBODY, "queue_full")
        with gate.enter(ANYBODY):
            assert gate.inside == 3
    assert gate.inside == 0


def test_one_key_cannot_fill_the_house() -> None:
    """A key has its share, waiting requests included; other keys still come in."""
    gate = turnstile(queue=10, key_concurrency=2)
    with gate.enter(Client("ann")), gate.enter(Client("ann")):
        check_refused(gate, Client("ann"), "key_concurrency")
        with gate.enter(Client("bob")):
            assert gate.inside == 3


def test_a_key_may_have_limits_of_its_own() -> None:
    """They replace the server's; 0 is no limit."""
    gate = turnstile(queue=10, key_concurrency=1, key_rate=60)
    with gate.enter(Client("free", concurrency=0, rate=0)), gate.enter(Client("free", concurrency=0, rate=0)):
        assert gate.inside == 2


def test_without_keys_only_the_house_is_bounded() -> None:
    """Anonymous requests are not told apart."""
    gate = turnstile(queue=10, key_concurrency=1, key_rate=1)
    with gate.enter(ANYBODY), gate.enter(ANYBODY):
        assert gate.inside == 2


def test_rate_of_a_key() -> None:
    """A burst of a quarter minute's worth, then one each time that one's worth of time has passed."""
    clock = Clock()
    gate = turnstile(clock, queue=100, key_rate=60)
    ann = Client("ann")
    for _ in range(15):
        with gate.enter(ann):
            pass
    assert check_refused(gate, ann, "key_rate").headers["retry-after"] == "1"
    clock.now += 1.0
    with gate.enter(ann):
        pass
    check_refused(gate, ann, "key_rate")


def test_a_slow_rate_tells_how_long_to_wait() -> None:
    """Two a minute: thirty seconds until the next."""
    clock = Clock()
    bucket = TokenBucket(2, now=clock.now)
    assert bucket.take(clock.now) == 0
    assert bucket.take(clock.now) == pytest.approx(30)


def test_closed_lets_nobody_in() -> None:
    """A server that stops says so."""
    gate = turnstile()
    gate.close()
    with pytest.raises(Unavailable) as refused, gate.enter(ANYBODY):
        pass
    assert refused.value.code == "stopping"


def test_retry_after_follows_the_time_that_requests_take() -> None:
    """When requests take long, trying again makes sense later; ten seconds at most."""
    clock = Clock()
    gate = turnstile(clock)
    for _ in range(100):
        with gate.enter(ANYBODY):
            clock.now += 6
    with gate.enter(ANYBODY), gate.enter(ANYBODY), gate.enter(ANYBODY):
        assert check_refused(gate, ANYBODY, "queue_full").headers["retry-after"] == "6"
