"""How fast the user types, and hence how long an answer may wait for more text. Pure: time comes in as an argument."""

from dataclasses import dataclass

BURST = 0.4
"""Seconds between two keys beyond which they do not belong to one burst of typing."""
SHARE = 0.6
"""The share of the expected pause until the next key after which a partial line is shown."""
OVERDUE = 1.5
"""So many usual pauses after a key, the user has stopped typing for now."""
FLOOR = 0.03
"""Seconds below which waiting for the rest of the line is not cut short."""


@dataclass(slots=True)
class Rhythm:
    """The pace of keys in one document."""

    last_key: float = float("-inf")
    interval: float | None = None
    """Smoothed seconds between keys of the present burst; None at its first key."""

    def key(self, now: float) -> None:
        """Take note of a key."""
        pause = now - self.last_key
        self.last_key = now
        if pause > BURST:
            self.interval = None
        elif self.interval is None:
            self.interval = pause
        else:
            self.interval += (pause - self.interval) / 3

    def due(self, now: float, *, at_rest: float) -> float:
        """The time at which an unfinished line is shown as it is; ``at_rest`` is that for a user who does not type.

        While the user types, a little before the next key is expected, since a suggestion that comes after that key is
        never seen. Once the next key is overdue, later: whoever pauses to look would rather see the whole line in a
        moment than half of it, which no editor asks to complete.
        """
        if self.interval is None or now - self.last_key > max(FLOOR, OVERDUE * self.interval):
            return at_rest
        return self.last_key + max(FLOOR, SHARE * self.interval)
