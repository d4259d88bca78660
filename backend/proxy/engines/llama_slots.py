"""Which slot of llama.cpp serves which request, so that a prompt meets the cache that knows its beginning.

A slot's KV cache holds the tokens it worked on last. A prompt that starts the same costs only what is new, so a
request goes where most of it is known already, and nothing that is still in use is thrown away for something short.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

UNKNOWN = -1
"""Stands for a token that is in the cache, but that llama.cpp did not name."""

_HALF_LIFE = 15.0  # seconds until what a slot holds is worth half
_WORTH = 0.9  # of the time that computing it again would take, when just used
_LIKELY_TOKENS = 16  # how many more tokens a running generation will want: most are stopped at a line's end
_LEAVING_SECONDS = 0.1  # until a slot whose request was closed has noticed
_FORGOTTEN = 8  # evicted prompts that llama.cpp may still have in its RAM cache


@dataclass(slots=True)
class Speeds:
    """What this machine does with this model, learnt while it runs; tokens per second."""

    prefill: float = 150.0
    decode: float = 40.0

    def saw_prefill(self, tokens: int, seconds: float) -> None:
        """Learn from a prefill."""
        if tokens >= 8 and seconds > 0:
            self.prefill += (tokens / seconds - self.prefill) / 2

    def saw_decode(self, tokens: int, seconds: float) -> None:
        """Learn from a generation."""
        if tokens >= 4 and seconds > 0:
            self.decode += (tokens / seconds - self.decode) / 2


@dataclass(slots=True)
class Slot:
    """One of llama.cpp's slots, as far as it is known from here. Times are those of the pool's clock."""

    id: int
    held: list[int] = field(default_factory=list)
    """Tokens in its KV cache; while it is busy, those that will be there."""
    busy: bool = False
    background: bool = False
    """Busy, but with a piece of a warm-up, which is short."""
    left: int = 0
    """Tokens that the running generation may still bring."""
    used: float = -1e9
    """When it was last released."""
    leaving: bool = False
    """Released before its work had ended: it may go on for a moment."""

    def shared(self, prompt: list[int]) -> int:
        """How many tokens of the prompt, from its start, it holds."""
        return shared_start(self.held, prompt)


def shared_start(one: list[int], other: list[int]) -> int:
    """How many items two lists have in common before the first difference."""
    same, length = 0, min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    while length - same > 1:  # the first difference lies in between; comparing slices is quick
        middle = (same + length) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            length = middle
    return same


def choose_slot(slots: Sequence[Slot], prompt: list[int], *, now: float, speeds: Speeds) -> Slot | None:
    """The slot that gives the first token soonest, all in all; it may be busy, and is worth waiting for then.

    None if every slot is busy and none holds more of the prompt than the others.
    """

    def prefill(slot: Slot) -> float:
        return (len(prompt) - slot.shared(prompt)) / speeds.prefill

    def cost(slot: Slot) -> float:
        worth = _WORTH * math.pow(0.5, max(0.0, now - slot.used) / _HALF_LIFE)
        thrown_away = (len(slot.held) - slot.shared(prompt)) / speeds.prefill
        wait = _LEAVING_SECONDS if slot.leaving and now - slot.used < _LEAVING_SECONDS else 0.0
        return wait + prefill(slot) + worth * thrown_away

    def patience(slot: Slot) -> float:
        return prefill(slot) + min(slot.left, _LIKELY_TOKENS) / speeds.decode

    # A piece of a warm-up ends in a moment: such a slot counts as free, and is waited for.
    free = [slot for slot in slots if not slot.busy or slot.background]
    busy = [
        slot for slot in slots if slot.busy and not slot.background and 2 * slot.shared(prompt) > len(prompt)
    ]
    best = min(free, key=lambda slot: (cost(slot), -slot.shared(prompt), slot.used, slot.id), default=None)
    worth_waiting = min(busy, key=patience, default=None)
    if worth_waiting is not None and (best is None or patience(worth_waiting) < prefill(best)):
        return worth_waiting
    return best


@dataclass(slots=True, eq=False)
class _Waiter:
    prompt: list[int]
    background: bool
    future: "asyncio.Future[Slot]"
    impatient: bool = False
    """A warm-up that has waited long enough to run beside others."""


class Lease:
    """The right to use a slot until ``release``."""

    def __init__(self, pool: "SlotPool", slot: Slot, cached: int) -> None:
        self._pool = pool
        self._open = True
        self.slot = slot
        self.cached = cached
        """Tokens of the prompt that the slot held when it was taken."""

    def release(self, held: Sequence[int], *, early: bool = False, used: float | None = None) -> None:
        """Give the slot back; a second time does nothing.

        ``held`` is what its cache holds for sure, ``early`` that its work was cut short, ``used`` when it was last of
        use to somebody (None: now).
        """
        if self._open:
            self._open = False
            self._pool.give_back(self.slot, held, early=early, used=used)


class SlotPool:
    """All slots of one server. Foreground requests come first; warm-ups take what they leave."""

    def __init__(
        self, count: int, *, speeds: Speeds, clock: Callable[[], float], warm_patience: float = 1.0
    ) -> None:
        self.slots = [Slot(id=number) for number in range(count)]
        self.evicted: list[list[int]] = []
        """Prompts that lost their slot lately; llama.cpp may have kept a copy in memory."""
        self._speeds = speeds
        self._clock = clock
        self._warm_patience = warm_patience
        self._waiters: list[_Waiter] = []

    @property
    def crowded(self) -> bool:
        """Whether more than one request is being worked on, so that each step of one delays another."""
        return sum(slot.busy and not slot.background for slot in self.slots) > 1

    async def acquire(self, prompt: list[int], *, tokens: int, background: bool = False) -> Lease:
        """Wait for the best slot and take it. ``tokens`` is how many the request may generate."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(prompt, background, loop.create_future())
        self._waiters.append(waiter)
        patience = loop.call_later(self._warm_patience, self._lose_patience, waiter) if background else None
        try:
            self._hand_out()
            slot = await waiter.future
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif waiter.future.done() and not waiter.future.cancelled():
                self._free(waiter.future.result())  # it was handed out in the very moment in which we gave up
            raise
        finally:
            if patience is not None:
                patience.cancel()
        cached = slot.shared(prompt)
        if not background and 2 * cached < len(slot.held):
            self.evicted = [*self.evicted[1 - _FORGOTTEN :], slot.held]
        slot.held, slot.left = list(prompt), tokens
        return Lease(self, slot, cached)

    def take_idle(self) -> Lease | None:
        """A slot that nobody uses, with all that it holds; None if there is none."""
        idle = [slot for slot in self.slots if not slot.busy]
        if not idle:
            return None
        slot = min(idle, key=lambda slot: (slot.leaving, -len(slot.held)))
        slot.busy = slot.background = True
        return Lease(self, slot, len(slot.held))

    def holds(self, prompt: list[int]) -> bool:
        """Whether some slot holds all of a prompt."""
        return any(slot.shared(prompt) == len(prompt) for slot in self.slots)

    def give_back(self, slot: Slot, held: Sequence[int], *, early: bool, used: float | None) -> None:
        """Called by a lease."""
        slot.held = list(held)
        slot.leaving, slot.used = early, self._clock() if used is None else used
        self._free(slot)

    def close(self, error: Exception) -> None:
        """Send all who wait away with that error."""
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(error)
        self._waiters.clear()

    def _free(self, slot: Slot) -> None:
        slot.busy = slot.background = False
        slot.left = 0
        self._hand_out()

    def _lose_patience(self, waiter: _Waiter) -> None:
        waiter.impatient = True
        self._hand_out()

    def _hand_out(self) -> None:
        """Give free slots to those that wait, in the order in which they came."""
        for waiter in sorted(self._waiters, key=lambda waiter: waiter.background):
            if waiter.future.done():
                with contextlib.suppress(ValueError):
                    self._waiters.remove(waiter)
                continue
            if waiter.background and not waiter.impatient and self._foreground():
                continue
            slot = choose_slot(self.slots, waiter.prompt, now=self._clock(), speeds=self._speeds)
            if slot is None or slot.busy:
                continue
            slot.busy, slot.background = True, waiter.background
            self._waiters.remove(waiter)
            waiter.future.set_result(slot)

    def _foreground(self) -> bool:
        return any(slot.busy and not slot.background for slot in self.slots) or any(
            not waiter.background for waiter in self._waiters
        )
