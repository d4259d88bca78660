"""The last minute's numbers, by a clock that the test moves."""

from pilotfish.backend.proxy.pulse import Beat, Pulse


class Clock:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def beat(clock: Clock, **numbers: float | None) -> Beat:
    fields = {
        "first_token": 0.02,
        "total": 0.1,
        "prompt_tokens": 100,
        "cached_tokens": 90,
        "completion_tokens": 8,
    }
    return Beat(at=clock.now, **{**fields, **numbers})  # type: ignore[arg-type]


def test_an_empty_minute() -> None:
    """Nothing happened: no rate, no percentile, no share is invented."""
    minute = Pulse(Clock()).minute()
    assert (minute["requests"], minute["first_token_ms"], minute["cached_share"]) == (0, None, None)
    assert minute["requests_per_second"] == [0] * 60


def test_percentiles_rates_and_share() -> None:
    """Milliseconds, one value a second with the newest last, cached tokens as a share of the prompts'."""
    clock = Clock()
    pulse = Pulse(clock)
    for number in range(100):
        pulse.add(beat(clock, total=(number + 1) / 1000))
    clock.now += 3.5
    pulse.add(beat(clock, first_token=None, cached_tokens=0))
    minute = pulse.minute()
    assert minute["total_ms"] == {"p50": 51.0, "p95": 96.0}
    assert minute["first_token_ms"] == {"p50": 20.0, "p95": 20.0}
    assert minute["requests_per_second"][-4:] == [100, 0, 0, 1]
    assert minute["tokens_per_second"][-1] == 8
    assert minute["cached_share"] == 9000 / 10100


def test_a_minute_is_a_minute() -> None:
    """What is older is forgotten, but counted as served."""
    clock = Clock()
    pulse = Pulse(clock)
    pulse.add(beat(clock))
    clock.now += 61
    assert pulse.minute()["requests"] == 0
    assert pulse.served == 1


def test_memory_is_bounded() -> None:
    """However many requests a minute has."""
    clock = Clock()
    pulse = Pulse(clock)
    for _ in range(10_000):
        pulse.add(beat(clock))
    assert pulse.minute()["requests"] < 5000


def test_idle_time_begins_when_the_last_request_ends() -> None:
    """While one is under way the server is not idle, however long it takes."""
    clock = Clock()
    pulse = Pulse(clock)
    clock.now += 10
    assert pulse.idle_seconds == 10
    pulse.begin()
    pulse.begin()
    clock.now += 10
    pulse.end()
    clock.now += 1
    assert pulse.idle_seconds == 0
    pulse.end()
    clock.now += 4
    assert pulse.idle_seconds == 4
