"""Whether the engine lives: it has loaded, and it has given a real token a moment ago."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal

from .engines.base import Engine, EngineBusy, EngineError, Waiting
from .errors import Unavailable
from .settings import Settings

log = logging.getLogger(__name__)

State = Literal["loading", "ready", "failing", "stopping"]

_RETRY = 1.0  # seconds between two probes of an engine that fails: recovery should be noticed soon


class Vitals:
    """Loads the engine, then keeps asking it for a token unless real traffic proves that it lives.

    It looks every ``tick`` seconds; a probe that takes longer than ``probe_timeout`` seconds has failed.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        clock: Callable[[], float],
        *,
        tick: float = 0.5,
        probe_timeout: float = 5.0,
    ) -> None:
        self._tick = tick
        self._probe_timeout = probe_timeout
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._proved: float | None = None
        self._asked = float("-inf")
        self._suspected = False
        self._stopping = False
        self._trouble: str | None = None
        self._loaded = False
        self.load_failure: str | None = None
        """Why the engine did not load; it will not be tried again."""
        self.settled = asyncio.Event()
        """Set when the engine has loaded or failed to."""

    @property
    def state(self) -> State:
        """What ``/health`` says."""
        if self._stopping:
            return "stopping"
        if not self._loaded:
            return "failing" if self.load_failure is not None else "loading"
        if self.proof_age is None and self._trouble is None:
            return "loading"  # its first token is on its way
        fresh = self.proof_age is not None and self.proof_age <= self._settings.proof_seconds
        return "ready" if fresh and self._trouble is None else "failing"

    @property
    def detail(self) -> str | None:
        """Why the state is what it is, for people; None when all is well."""
        match self.state:
            case "ready":
                return None
            case "loading":
                return self._waits_for() or "The engine is loading its model."
            case "stopping":
                return "The server is stopping."
            case "failing":
                return self.load_failure or self._trouble or "The engine has not given a token for too long."

    @property
    def loaded(self) -> bool:
        """Whether the engine's capabilities are known."""
        return self._loaded

    @property
    def proof_age(self) -> float | None:
        """Seconds since the last real token; None: there was none yet."""
        return None if self._proved is None else self._clock() - self._proved

    def prove(self) -> None:
        """Real traffic has made the engine give a token."""
        self._proved = self._clock()
        self._trouble = None
        self._suspected = False

    def suspect(self) -> None:
        """A request has failed at the engine: find out soon whether it lives."""
        self._suspected = True

    def stop(self) -> None:
        """Say "stopping" from now on."""
        self._stopping = True

    def require_loaded(self) -> None:
        """Raise ``Unavailable`` unless requests can be handed to the engine."""
        if not self._loaded or self._stopping:
            raise Unavailable(self.detail or "", retry_after=1, code=self.state)

    async def run(self, *, busy: Callable[[], bool], loaded: Callable[[], Awaitable[None]]) -> None:
        """Load, then watch until cancelled. ``busy``: no slot is free; ``loaded`` is awaited once."""
        try:
            await self._engine.start()
            await loaded()
            self._loaded = True
            await self._probe()
        except EngineError as error:
            self.load_failure = str(error)
            log.error("the engine did not start: %s", error)
            return
        except Exception as error:  # a bug in an engine must not look like a long load
            self.load_failure = f"The engine did not start: {type(error).__name__}."
            log.exception("the engine did not start")
            return
        finally:
            self.settled.set()
        while True:
            await asyncio.sleep(self._tick)
            # A probe would only wait behind the requests that hold the slots; their tokens are the proof.
            if self._due() and not busy():
                await self._probe()

    def _waits_for(self) -> str | None:
        return self._engine.waits_for if isinstance(self._engine, Waiting) else None

    def _due(self) -> bool:
        if self._suspected or self.proof_age is None or self.state == "failing":
            return self._clock() - self._asked >= _RETRY
        return self.proof_age >= self._settings.probe_seconds

    async def _probe(self) -> None:
        self._asked = self._clock()
        try:
            async with asyncio.timeout(self._probe_timeout):
                await self._engine.probe()
        except TimeoutError:
            self._fail("The engine did not answer a probe.")
        except EngineBusy:
            pass  # it lives, but that is no token: what others make it say does not count here
        except EngineError as error:
            self._fail(f"The engine failed a probe: {error}")
        except Exception as error:  # noqa: BLE001 (it must not end the watch)
            self._fail(f"The engine failed a probe: {type(error).__name__}.")
        else:
            if self._trouble is not None:
                log.info("the engine answers again")
            self.prove()

    def _fail(self, trouble: str) -> None:
        if self._trouble is None:
            log.warning("%s", trouble)
        self._trouble = trouble
