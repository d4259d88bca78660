"""A server process: from the listening socket to its graceful end."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from pilotfish.backend.version import version

from .bind import PORT, ServeError, check_exposure, check_tls, listen, origin, reachable_host
from .engines.base import Engine
from .settings import Settings
from .state_file import State, remove_state, write_state

if TYPE_CHECKING:
    import uvicorn

    from .service import Service

log = logging.getLogger(__name__)

_FINISH_SECONDS = 3  # running requests may take so long to end after a signal
_STOP_SECONDS = 5.0  # after which the process ends, whatever still runs
_KEEP_ALIVE_SECONDS = 75  # an editor's pause is longer than uvicorn's default of 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve; ``settings`` is what the application itself needs."""

    settings: Settings = field(default_factory=Settings)
    host: str = "127.0.0.1"
    port: int = PORT
    tls_cert: Path | None = None
    tls_key: Path | None = None
    idle_seconds: float = 0.0
    """Stop after so long without a request for a completion; 0: never."""
    state_file: Path | None = None


def serve(options: ServeOptions, engine: Engine) -> int:
    """Serve until told to stop; the process's exit status. Raises ``ServeError`` before anything was started."""
    check_exposure(options.host, keyed=options.settings.keyed)
    check_tls(options.tls_cert, options.tls_key)
    with contextlib.closing(listen(options.host, options.port)) as listener:
        process = _Process(options, engine, listener)
        try:
            return asyncio.run(process.run())
        finally:
            process.watchdog.cancel()


class _Process:
    """The one server of this process."""

    def __init__(self, options: ServeOptions, engine: Engine, listener: socket.socket) -> None:
        from .app import create_app

        app = create_app(options.settings, engine)
        self._options = options
        self._listener = listener
        self._service: Service = app.state.service
        self._server = _uvicorn(app, options)
        self._scheme = "https" if options.tls_cert else "http"
        self._stop = asyncio.Event()
        self._why = "the server has ended"
        self._status = 0
        # Whatever hangs at the end, a thread of the engine included, the process does not outlive this.
        self.watchdog = threading.Timer(_STOP_SECONDS, self._end_now, args=(1,))
        self.watchdog.daemon = True

    async def run(self) -> int:
        """Serve; 0 after a graceful end, 1 if something needed did not work."""
        with self._signals():
            serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
            watchers = [asyncio.create_task(watch) for watch in (self._load(), self._idle())]
            async with self._announced(serving):
                stop = asyncio.create_task(self._stop.wait())
                await asyncio.wait((serving, stop), return_when=asyncio.FIRST_COMPLETED)
                log.info("stopping: %s", self._why)
            self.watchdog.start()
            loading = not self._service.vitals.settled.is_set()
            self._service.drain()
            self._server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
            for task in (stop, *watchers):
                task.cancel()
            await asyncio.gather(stop, *watchers, return_exceptions=True)
            if loading:
                self._end_now(self._status)  # a thread that loads a model can't be told to stop
        return self._status

    @contextlib.asynccontextmanager
    async def _announced(self, serving: asyncio.Task[None]) -> AsyncIterator[None]:
        """While inside, people and other processes can find the server."""
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        host, port = reachable_host(self._listener), self._listener.getsockname()[1]
        where = origin(self._scheme, host, port)
        log.info("pilotfish-backend %s listens at %s", version(), where)
        with contextlib.suppress(OSError):  # nobody needs to read it
            print(f"Pilotfish listens at {where} (Ctrl+C stops it)", flush=True)
        self._note_state(host, port)
        try:
            yield
        finally:
            self._forget_state()

    def _note_state(self, host: str, port: int) -> None:
        if self._options.state_file is None:
            return
        settings = self._service.settings
        state = State(
            pid=os.getpid(),
            port=port,
            host=host,
            scheme=self._scheme,
            model=settings.model,
            instance_id=settings.instance_id,
            version=version(),
            started=time.time(),
            api_key=settings.api_key,
        )
        try:
            write_state(self._options.state_file, state)
        except OSError as error:
            self._fail(f"can't write {self._options.state_file}: {error.strerror}")

    async def _load(self) -> None:
        """Wait for the engine, keeping our signal handlers: llama.cpp's server brings its own when it starts."""
        settled = asyncio.create_task(self._service.vitals.settled.wait())
        while not (await asyncio.wait((settled,), timeout=0.2))[0]:
            self._take_signals()
        self._take_signals()
        if failure := self._service.vitals.load_failure:
            self._fail(failure, reason="the engine did not start")
        elif self._service.vitals.loaded:
            log.info("the engine serves %s", self._service.model)

    async def _idle(self) -> None:
        """Stop when nobody has asked for a completion for long; the time of loading does not count."""
        limit = self._options.idle_seconds
        if limit <= 0:
            return
        await self._service.vitals.settled.wait()
        ready = self._service.clock()
        while min(self._service.pulse.idle_seconds, self._service.clock() - ready) < limit:
            await asyncio.sleep(min(1.0, limit / 4))
        self._end(f"no request for {limit:g} seconds")

    def _fail(self, why: str, *, reason: str = "") -> None:
        """Say why to whoever looks on; ``reason`` is for the log, if that has the rest already."""
        print(f"pilotfish-backend: {why}", file=sys.stderr, flush=True)
        self._status = 1
        self._end(reason or why)

    def _end(self, why: str) -> None:
        self._why = why
        self._stop.set()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        self._loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        self._take_signals()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take_signals(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The first signal ends gracefully, the second at once."""
        if self._stop.is_set():
            self._end_now(128 + number)
        self._loop.call_soon_threadsafe(self._end, signal.Signals(number).name)

    def _end_now(self, status: int) -> None:
        self._forget_state()
        os._exit(status)

    def _forget_state(self) -> None:
        if path := self._options.state_file:
            remove_state(path, self._service.settings.instance_id)


def _uvicorn(app: object, options: ServeOptions) -> "uvicorn.Server":
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves the signals to us: they must outlive the engine's start, and the second must count."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FINISH_SECONDS,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
    )
    return Server(config)


__all__ = ["ServeError", "ServeOptions", "serve"]
