"""The table of times from key to ghost text."""

from harness.ghost_latency import table


def test_shows_median_and_slow_ones() -> None:
    """Editors in order, milliseconds, the count; an odd and an even number of times."""
    lines = table({"vim": [0.3, 0.1, 0.2], "ed 1.0": [n / 100 for n in range(1, 21)]})
    assert lines == [
        "editor      p50      p90  times",
        "ed 1.0   105 ms   190 ms     20",
        "vim      200 ms   300 ms      3",
    ]
