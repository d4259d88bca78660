"""Decides when a backend that failed may be asked again, and what the user is told. Pure: time comes in.

    CLOSED    completions are asked for
    OPEN      it is down or out of order: nothing is asked but a cheap probe each second while the user types
    SILENT    it asked us to wait: nothing is asked until then, not even a probe
    BLOCKED   only other settings can help (a key, a model's name): nothing is asked until they change

OPEN ends with a probe that finds the backend healthy. Where completions fail all the same, each further
failure holds it open twice as long, so that what is healthy in name only is not asked at every key.
"""

from dataclasses import dataclass
from enum import Enum

from pilotfish.lsp.backend_errors import (
    BackendError,
    BadRequest,
    BadSetting,
    ModelNotFound,
    Overloaded,
    ProtocolError,
    Unauthorized,
)

PROBE_EVERY = 1.0
TYPING = 3.0
"""The user counts as typing for so long after a key."""
FIRST_BACK_OFF = 1.0
LONGEST_BACK_OFF = 30.0
REFUSALS = 3
"""So many requests in a row that the backend refuses as bad, or answers with what can't be read, count as its failure:
one alone may be the fault of its text."""
TELL_AGAIN = 600.0
"""The same message is not shown twice within this time, however often the state changes."""


class State(Enum):
    """What the breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    SILENT = "silent"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of state, to be reported once."""

    state: State
    message: str
    """One sentence for the status and the log."""
    show: bool
    """Whether it is due as a message that the user sees."""


class Breaker:
    """The state of one backend. Methods that may change it return the change, or None."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self._until = 0.0
        self._failures = 0
        self._refusals = 0
        self._last_probe = float("-inf")
        self._shown: dict[str, float] = {}

    def allows(self, now: float) -> bool:
        """Whether a completion may be asked for."""
        if self.state is State.SILENT and now >= self._until:
            self.state = State.CLOSED
        return self.state is State.CLOSED

    def succeeded(self, now: float) -> Change | None:
        """Take note of a completion that was answered."""
        if self.state in {State.SILENT, State.BLOCKED}:
            return None  # asked for before the backend said so
        self._failures = self._refusals = 0
        return self._close(now)

    def failed(self, error: BackendError, now: float) -> Change | None:
        """Take note of a completion that failed. Those of one episode that end later change nothing."""
        if not self.allows(now):
            return None
        if isinstance(error, BadRequest | ProtocolError):
            self._refusals += 1
            if self._refusals < REFUSALS:
                return None
        if isinstance(error, Unauthorized | ModelNotFound | BadSetting):
            return self._change(State.BLOCKED, str(error), now, show=True)
        self._failures += 1
        if isinstance(error, Overloaded):
            wait = self._back_off(1) if error.retry_after is None else error.retry_after
            self._until = now + wait
            return self._change(State.SILENT, str(error), now, show=False)
        self._until = now + self._back_off(2)
        return self._change(State.OPEN, str(error), now, show=True)

    def probe_due(self, now: float, *, last_key: float) -> bool:
        """Whether to ask for the backend's health now; ``probe_started`` must follow if it is done."""
        typing = now - last_key <= TYPING
        return self.state is State.OPEN and typing and now >= max(self._until, self._last_probe + PROBE_EVERY)

    def probe_started(self, now: float) -> None:
        """Take note of a probe on its way."""
        self._last_probe = now

    def probed(self, now: float, *, healthy: bool) -> Change | None:
        """Take note of a probe's result."""
        return self._close(now) if healthy and self.state is State.OPEN else None

    def reset(self) -> None:
        """Begin anew: the settings changed, or the backend is another one."""
        self.__init__()  # type: ignore[misc]

    def _close(self, now: float) -> Change | None:
        return self._change(State.CLOSED, "the backend answers again", now, show=False)

    def _change(self, state: State, message: str, now: float, *, show: bool) -> Change | None:
        if state is self.state:
            return None
        self.state = state
        if show:
            show = now - self._shown.get(message, float("-inf")) >= TELL_AGAIN
            if show:
                self._shown[message] = now
        return Change(state, message, show)

    def _back_off(self, first: int) -> float:
        """Seconds to hold off at the present count of failures in a row; nothing before the ``first``."""
        doublings = self._failures - first
        return min(FIRST_BACK_OFF * 2.0**doublings, LONGEST_BACK_OFF) if doublings >= 0 else 0.0
