"""How often a backend that crashed may be started again by itself. Pure: times are seconds since the epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 600.0
RESTARTS = 3
"""So many restarts within the window; the next crash ends them."""
BACK_OFF = (0.5, 2.0, 8.0)
"""Seconds to wait after the first, second and third crash."""


@dataclass(frozen=True, slots=True)
class History:
    """The crashes that still count."""

    crashes: tuple[float, ...] = ()

    @staticmethod
    def of(crashes: Sequence[object], now: float) -> "History":
        """Take recorded times; those outside the window, or from a clock that was wrong, do not count."""
        times = [
            float(time) for time in crashes if isinstance(time, int | float) and 0 <= now - time <= WINDOW
        ]
        return History(tuple(sorted(times)))

    def crashed(self, now: float) -> "History":
        """Return the history with one crash more."""
        return History((*self.crashes, now))

    @property
    def exhausted(self) -> bool:
        """Whether it has crashed once too often."""
        return len(self.crashes) > RESTARTS

    def wait(self, now: float, back_off: Sequence[float] = BACK_OFF) -> float:
        """Seconds until the next start is due."""
        if not self.crashes:
            return 0.0
        pause = back_off[min(len(self.crashes), len(back_off)) - 1]
        return max(0.0, self.crashes[-1] + pause - now)
