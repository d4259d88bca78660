"""Who may come in: a bounded house, and each API key's share of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .auth import Client
from .errors import TooManyRequests
from .settings import Limits
from .slots import FairSlots, stopping


class TokenBucket:
    """``rate`` per minute on average, with bursts of a quarter minute's worth (at least 1)."""

    def __init__(self, rate: float, *, now: float) -> None:
        self.rate = rate
        self._size = max(1.0, rate / 4)
        self._level = self._size
        self._filled = now

    def take(self, now: float) -> float:
        """0 if one may be taken, else the seconds until one may."""
        self._level = min(self._size, self._level + (now - self._filled) * self.rate / 60)
        self._filled = now
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) * 60 / self.rate


class Turnstile:
    """Counts the requests inside, from their first header to the last byte of their answer."""

    def __init__(self, limits: Limits, slots: FairSlots, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._slots = slots
        self._clock = clock
        self._inside: Counter[str] = Counter()
        self._buckets: dict[str, TokenBucket] = {}
        self._seconds = 1.0  # a request's mean time inside, waiting included
        self._closed = False

    @property
    def inside(self) -> int:
        """Requests that are being served or wait."""
        return self._inside.total()

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True

    @contextmanager
    def enter(self, client: Client) -> Iterator[None]:
        """Be inside. Raises ``TooManyRequests`` with the time after which trying again makes sense."""
        if self._closed:
            raise stopping()
        self._check_house()
        self._check_share(client)
        started = self._clock()
        self._inside[client.name] += 1
        try:
            yield
        finally:
            self._inside[client.name] -= 1
            if not self._inside[client.name]:
                del self._inside[client.name]
            self._seconds += (self._clock() - started - self._seconds) / 16

    def _soon(self) -> float:
        """In the mean time that a request is inside, the house changes over once: seconds, at most 10."""
        return min(self._seconds, 10.0)

    def _check_house(self) -> None:
        if self.inside >= self._limits.queue + self._slots.count:
            raise TooManyRequests(
                f"All {self._slots.count} slots are busy and {self._limits.queue} requests wait already.",
                retry_after=self._soon(),
                code="queue_full",
            )

    def _check_share(self, client: Client) -> None:
        concurrency = self._limits.key_concurrency if client.concurrency is None else client.concurrency
        if client.keyed and concurrency and self._inside[client.name] >= concurrency:
            raise TooManyRequests(
                f"This API key has {concurrency} requests under way already.",
                retry_after=self._soon(),
                code="key_concurrency",
            )
        rate = self._limits.key_rate if client.rate is None else client.rate
        if not client.keyed or not rate:
            return
        now = self._clock()
        bucket = self._buckets.get(client.name)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[client.name] = TokenBucket(rate, now=now)
        if wait := bucket.take(now):
            raise TooManyRequests(
                f"This API key may make {rate:g} requests a minute.", retry_after=wait, code="key_rate"
            )
