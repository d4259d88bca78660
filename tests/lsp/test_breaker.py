"""The circuit breaker, step by step on a clock of its own."""

import pytest

from pilotfish.lsp.backend_errors import (
    BackendError,
    BackendTimeout,
    BackendUnreachable,
    BadRequest,
    BadSetting,
    ModelNotFound,
    Overloaded,
    Unauthorized,
)
from pilotfish.lsp.breaker import Breaker, Change, State

DOWN = BackendUnreachable("there is no connection")


def fail(breaker: Breaker, error: BackendError, now: float) -> Change:
    """Fail one completion, which must change the state."""
    assert breaker.allows(now)
    change = breaker.failed(error, now)
    assert change is not None
    return change


def probe(breaker: Breaker, now: float, *, healthy: bool) -> Change | None:
    """Send a probe that is due and answered at once."""
    assert breaker.probe_due(now, last_key=now)
    breaker.probe_started(now)
    return breaker.probed(now, healthy=healthy)


@pytest.mark.parametrize(
    ("error", "state", "show"),
    [
        (DOWN, State.OPEN, True),
        (BackendTimeout("x"), State.OPEN, True),
        (Overloaded("x"), State.SILENT, False),
        (Overloaded("x", retry_after=5), State.SILENT, False),
        (Unauthorized("x"), State.BLOCKED, True),
        (ModelNotFound("x"), State.BLOCKED, True),
        (BadSetting("x"), State.BLOCKED, True),
    ],
)
def test_each_failure_has_its_state(error: BackendError, state: State, show: bool) -> None:
    """The message is the error's, and it is due at most once per change."""
    breaker = Breaker()
    assert fail(breaker, error, 0) == Change(state, str(error), show)
    assert not breaker.allows(0)
    assert breaker.failed(error, 0.1) is None


def test_success_changes_nothing_while_all_is_well() -> None:
    """No notice for each completion."""
    breaker = Breaker()
    assert breaker.allows(0)
    assert breaker.succeeded(0) is None


def test_a_backend_that_is_back_is_noticed_within_two_seconds() -> None:
    """A probe is due each second while the user types, and a healthy one lets the next completion through."""
    breaker = Breaker()
    fail(breaker, DOWN, 0)
    keys = [number * 0.1 for number in range(1, 100)]
    back, noticed, probes = 5.05, None, []
    for now in keys:
        if breaker.probe_due(now, last_key=now):
            probes.append(now)
            breaker.probe_started(now)
            change = breaker.probed(now, healthy=now >= back)
            if change is not None:
                assert change == Change(State.CLOSED, "the backend answers again", show=False)
                noticed = now
                break
    assert noticed is not None
    assert noticed - back <= 2
    assert breaker.allows(noticed)
    assert len(probes) <= noticed + 1


def test_nobody_probes_while_nobody_types() -> None:
    """An idle editor is quiet."""
    breaker = Breaker()
    fail(breaker, DOWN, 0)
    assert breaker.probe_due(10, last_key=8)
    assert not breaker.probe_due(10, last_key=6)
    assert not breaker.probe_due(10, last_key=float("-inf"))


def test_one_probe_at_a_time() -> None:
    """A probe that hangs is not joined by another before the second is over."""
    breaker = Breaker()
    fail(breaker, DOWN, 0)
    breaker.probe_started(1)
    assert not breaker.probe_due(1.9, last_key=1.9)
    assert breaker.probe_due(2, last_key=2)


def test_a_backend_that_is_healthy_in_name_only_is_left_alone_longer_and_longer() -> None:
    """Each completion that fails after a healthy probe doubles the time until the next probe."""
    breaker, now, gaps = Breaker(), 0.0, []
    for _ in range(8):
        fail(breaker, DOWN, now)
        start = now
        while not breaker.probe_due(now, last_key=now):
            now += 0.25
        gaps.append(now - start)
        probe(breaker, now, healthy=True)
    assert gaps == [0, 1, 2, 4, 8, 16, 30, 30]
    breaker.succeeded(now)
    fail(breaker, DOWN, now + 10)
    assert breaker.probe_due(now + 10, last_key=now + 10)


def test_retry_after_is_kept_to() -> None:
    """No completion and no probe before the time that the backend named."""
    breaker = Breaker()
    fail(breaker, Overloaded("busy", retry_after=7), 100)
    for now in (100.1, 103.0, 106.9):
        assert not breaker.allows(now)
        assert not breaker.probe_due(now, last_key=now)
        assert breaker.succeeded(now) is None  # an older call that was still on its way
        assert not breaker.allows(now)
    assert breaker.allows(107)


def test_without_retry_after_the_silence_grows() -> None:
    """1, 2, 4 … seconds, 30 at most."""
    breaker, now, gaps = Breaker(), 0.0, []
    for _ in range(7):
        fail(breaker, Overloaded("busy"), now)
        start = now
        while not breaker.allows(now):
            now += 0.5
        gaps.append(now - start)
    assert gaps == [1, 2, 4, 8, 16, 30, 30]


def test_a_refused_key_is_not_tried_again_until_settings_change() -> None:
    """Neither time nor probes nor older calls unblock it."""
    breaker = Breaker()
    fail(breaker, Unauthorized("set backend.api_key"), 0)
    for now in (1.0, 100.0, 1e6):
        assert not breaker.allows(now)
        assert not breaker.probe_due(now, last_key=now)
        assert breaker.succeeded(now) is None
        assert breaker.probed(now, healthy=True) is None
    breaker.reset()
    assert breaker.allows(1e6)


def test_a_refused_request_is_not_the_backends_failure_until_it_repeats() -> None:
    """One bad request costs nothing; the third in a row counts as a failure, told once."""
    breaker = Breaker()
    bad = BadRequest("refuses the request")
    assert breaker.failed(bad, 0) is None
    assert breaker.failed(bad, 1) is None
    breaker.succeeded(2)
    assert breaker.failed(bad, 3) is None
    assert breaker.failed(bad, 4) is None
    assert breaker.failed(bad, 5) == Change(State.OPEN, "refuses the request", show=True)


def test_a_flapping_backend_is_told_of_once() -> None:
    """However often the state changes, the same message is shown once in ten minutes."""
    breaker, shown = Breaker(), 0
    for now in range(0, 1200, 60):
        shown += fail(breaker, DOWN, now).show
        assert breaker.succeeded(now + 1) is not None
    assert shown == 2
