"""How long an answer waits for more text, by the pace of the keys."""

from pilotfish.lsp.typing_rhythm import BURST, Rhythm


def typed(*times: float) -> Rhythm:
    """A rhythm with keys at these times."""
    rhythm = Rhythm()
    for time in times:
        rhythm.key(time)
    return rhythm


def test_a_single_key_waits_for_the_whole_line() -> None:
    """Nothing is known of the next key."""
    assert typed(1.0).due(1.0, at_rest=9.0) == 9.0
    assert Rhythm().due(1.0, at_rest=9.0) == 9.0


def test_in_a_burst_it_is_due_before_the_next_key() -> None:
    """What comes after the next key is never seen."""
    assert 0.16 < typed(0.0, 0.08, 0.16).due(0.17, at_rest=9.0) < 0.24


def test_once_the_next_key_is_overdue_the_user_has_stopped() -> None:
    """A fast typist who pauses is shown the whole line."""
    assert typed(0.0, 0.08, 0.16).due(0.3, at_rest=9.0) == 9.0


def test_a_pause_ends_the_burst() -> None:
    """The first key after a pause is a single key again."""
    assert typed(0.0, 0.08, 0.16, 0.16 + BURST + 0.1).due(0.7, at_rest=9.0) == 9.0
