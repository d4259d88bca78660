"""The last minute, for the status page: requests, tokens, latencies. Pure but for the clock it is given."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_WINDOW = 60  # seconds
_KEPT = 4096  # requests; beyond that the oldest of the window are forgotten


@dataclass(frozen=True, slots=True)
class Beat:
    """One completion that was served; times in seconds."""

    at: float
    first_token: float | None
    total: float
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


class Pulse:
    """Remembers a minute of completions, and since when nothing real was asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._beats: deque[Beat] = deque(maxlen=_KEPT)
        self._busy = 0
        self._quiet_since = clock()
        self.started = clock()
        self.served = 0

    @property
    def idle_seconds(self) -> float:
        """How long nobody has asked for a completion; 0 while one is under way."""
        return 0.0 if self._busy else self._clock() - self._quiet_since

    def begin(self) -> None:
        """A request for a completion has come."""
        self._busy += 1

    def end(self) -> None:
        """It has been answered, whatever the answer."""
        self._busy -= 1
        self._quiet_since = self._clock()

    def add(self, beat: Beat) -> None:
        """Remember a completion."""
        self.served += 1
        self._beats.append(beat)

    def minute(self) -> dict[str, Any]:
        """Rates, percentiles (milliseconds) and one value a second, oldest first."""
        now = self._clock()
        while self._beats and self._beats[0].at < now - _WINDOW:
            self._beats.popleft()
        beats = list(self._beats)
        prompt = sum(beat.prompt_tokens for beat in beats)
        requests, tokens = [0] * _WINDOW, [0] * _WINDOW
        for beat in beats:
            second = min(_WINDOW - 1, max(0, _WINDOW - 1 - int(now - beat.at)))
            requests[second] += 1
            tokens[second] += beat.completion_tokens
        return {
            "requests": len(beats),
            "completion_tokens": sum(tokens),
            "prompt_tokens": prompt,
            "cached_share": sum(beat.cached_tokens for beat in beats) / prompt if prompt else None,
            "first_token_ms": _percentiles([b.first_token for b in beats if b.first_token is not None]),
            "total_ms": _percentiles([beat.total for beat in beats]),
            "requests_per_second": requests,
            "tokens_per_second": tokens,
        }


def _percentiles(seconds: Sequence[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    ordered = sorted(seconds)
    return {
        f"p{percent}": round(1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 1)
        for percent in (50, 95)
    }
