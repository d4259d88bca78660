"""What all routes share: the engine and everything that watches over it."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from .auth import Authenticator, Client
from .completion import Emit, Source, Spent, complete
from .engines.base import Engine, EngineBusy, EngineError, EngineRefusal, Piece
from .errors import NotFound
from .indents import keeps_indents
from .metrics import Metrics
from .plan import Plan
from .pulse import Beat, Pulse
from .running import Running, running
from .settings import Settings
from .slots import FairSlots
from .turnstile import Turnstile
from .vitals import Vitals

log = logging.getLogger(__name__)

_STOP_SECONDS = 1.5  # for the engine to free what it holds


class Service:
    """One engine behind one application."""

    def __init__(
        self, settings: Settings, engine: Engine, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = replace(settings, instance_id=settings.instance_id or secrets.token_hex(8))
        self.engine = engine
        self.clock = clock
        self.created = int(time.time())
        self.auth = Authenticator(settings)
        self.slots = FairSlots(1, patience=settings.limits.queue_seconds)
        self.turnstile = Turnstile(settings.limits, self.slots, clock)
        self.vitals = Vitals(engine, settings, clock)
        self.pulse = Pulse(clock)
        self.metrics = Metrics()
        self.whole_indents = False
        """Whether a prompt may end with the whole indentation of a line, see ``keeps_indents``."""
        for name, help_text, value in (
            ("running", "Texts that are being generated.", lambda: self.slots.running),
            ("waiting", "Texts that wait for a slot.", lambda: self.slots.waiting),
            ("slots", "Texts that can be generated at once.", lambda: self.slots.count),
            ("ready", "1 while /health/ready says so.", lambda: self.vitals.state == "ready"),
        ):
            self.metrics.watch(name, help_text, value)

    @property
    def model(self) -> str:
        """The served model's id, as far as it is known."""
        return self.engine.capabilities.model if self.vitals.loaded else self.settings.model

    def check_model(self, name: str | None) -> None:
        """Raise ``NotFound`` unless the name is the served model's, or an alias, or None."""
        if name is not None and name != self.model and name not in self.settings.aliases:
            raise NotFound(
                f"There is no model {name!r} here. Served: {self.model}; also known as "
                f"{', '.join(self.settings.aliases)}.",
                param="model",
                code="model_not_found",
            )

    @contextmanager
    def visit(self, headers: Mapping[str, str]) -> Iterator[Client]:
        """Let a request for a completion in, by its key, and count it until its answer has ended."""
        client = self.auth.client(headers)
        with self.turnstile.enter(client):
            self.pulse.begin()
            try:
                yield client
            finally:
                self.pulse.end()

    @asynccontextmanager
    async def run(self, plan: Plan, client: Client) -> AsyncIterator[Running]:
        """Run a completion while inside; leaving ends it."""
        started = self.clock()
        first: list[float] = []

        def on_piece(piece: Piece) -> None:
            self.vitals.prove()
            if piece.tokens and not first:
                first.append(self.clock() - started)
                self.metrics.first_token.observe(first[0])

        async def work(emit: Emit) -> Spent:
            source = Source(self.engine, self.slots, client.name, on_piece)
            try:
                spent = await complete(plan, source, emit)
            except EngineError as error:
                self._note_failure(error)
                raise
            except asyncio.CancelledError:
                self.metrics.cancelled.inc()
                raise
            self._note(spent, first[0] if first else None, self.clock() - started)
            return spent

        async with running(work, seconds=self.settings.limits.request_seconds) as run:
            yield run

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Load the engine in the background and watch it; at the end stop it."""
        watch = asyncio.create_task(
            self.vitals.run(
                busy=lambda: self.slots.running >= self.slots.count,
                loaded=self._loaded,
            )
        )
        try:
            yield
        finally:
            self.drain()
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self.engine.stop()
            except TimeoutError:
                log.warning("the engine did not stop within %s seconds", _STOP_SECONDS)

    def drain(self) -> None:
        """Take on nothing new, send away what waits; what runs goes on."""
        self.vitals.stop()
        self.turnstile.close()
        self.slots.close()

    async def _loaded(self) -> None:
        self.slots.resize(self.engine.capabilities.slots)
        self.whole_indents = await keeps_indents(self.engine)

    def _note(self, spent: Spent, first_token: float | None, total: float) -> None:
        for kind, count in (
            ("prompt", spent.prompt_tokens),
            ("cached", spent.cached_tokens),
            ("completion", spent.completion_tokens),
        ):
            self.metrics.tokens.labels(kind).inc(count)
        self.pulse.add(
            Beat(
                at=self.clock(),
                first_token=first_token,
                total=total,
                prompt_tokens=spent.prompt_tokens,
                cached_tokens=spent.cached_tokens,
                completion_tokens=spent.completion_tokens,
            )
        )

    def _note_failure(self, error: EngineError) -> None:
        self.metrics.engine_errors.labels(type(error).__name__).inc()
        if not isinstance(error, EngineBusy | EngineRefusal):
            self.vitals.suspect()
