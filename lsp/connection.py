"""Which backend is asked, and how it is doing: connects, watches, starts the local one, and says so once.

Completions never wait here: ``link`` tells at once whether there is something to ask. Whatever takes time (finding a
model, starting a program, probing whether a server is back) runs in one background task.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from pilotfish.lsp.breaker import PROBE_EVERY, TYPING, Breaker, Change, State
from pilotfish.lsp.budgets import Ratio
from pilotfish.lsp.client import (
    Backend,
    BackendError,
    BackendModel,
    BackendUnreachable,
    BadRequest,
    Endpoint,
    HttpBackend,
    ProtocolError,
    Usage,
    choose_model,
    preload,
)
from pilotfish.lsp.completer import Link
from pilotfish.lsp.context import style_for
from pilotfish.lsp.fim_templates import TEMPLATES
from pilotfish.lsp.key_command import read_key
from pilotfish.lsp.launcher import Launcher, Recipe
from pilotfish.lsp.local import Cancelled, Local, LocalError
from pilotfish.lsp.settings import Settings
from pilotfish.lsp.tell import Teller
from pilotfish.lsp.version import VERSION
from pilotfish.lsp.versions import older, older_backend

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.2


class Connection:
    """The way to one backend, local or remote, under the settings in force."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        tell: Teller,
        environ: Mapping[str, str],
        *,
        workspace: Callable[[], Path | None] = lambda: None,
        on_link: Callable[[Link], None] = lambda _link: None,
        launch: Callable[[Recipe], Launcher] = Launcher,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._on_link = on_link
        self._clock = clock
        self._environ = environ
        self._local = Local(settings, tell, environ, workspace, launch)
        self._breaker = Breaker()
        self._backend: HttpBackend | None = None
        self._model: BackendModel | None = None
        self._chars_per_token = Ratio()
        self._last_key = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._problem = ""
        self._told = ("off", "")
        self._told_older: set[tuple[str, str]] = set()
        self._enabled = True
        self._looked = float("-inf")
        self._cancelled = False

    # -- for the completer ---------------------------------------------------------------------------------------

    def link(self) -> Link | None:
        """The backend to ask now, or None while there is none or it rests. Never waits."""
        now = self._last_key = self._clock()
        if self._model is None or self._backend is None or not self._breaker.allows(now):
            return None
        return self._link(self._backend, self._model)

    def succeeded(self, usage: Usage | None, characters: int) -> None:
        """Take note of an answered call whose prompt had so many characters."""
        if usage is not None and usage.prompt_tokens > 32:
            self._chars_per_token.saw(characters / usage.prompt_tokens)
        self._report(self._breaker.succeeded(self._clock()))

    def failed(self, error: BackendError) -> None:
        """Take note of a failed call. A local backend that is gone is started again."""
        if not isinstance(error, BackendUnreachable) or self._settings().backend.url:
            self._fail(error)
        elif self._idle:
            self._lose()
            self._begin(self._connect_local(explicit=False, failed=error))

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self, *, explicit: bool = False) -> None:
        """Begin to connect, unless that was done; ``explicit`` when the user asked for the backend just now."""
        if not explicit and (self._model is not None or not self._idle):
            return  # a client that says ``initialized`` twice
        self._cancelled, self._problem = False, ""
        self._begin(self._connect(explicit=explicit))
        self._watcher = self._watcher or asyncio.create_task(self._watch())

    async def reconnect(self) -> None:
        """Connect anew: the settings have changed."""
        await self._close()
        self._breaker.reset()
        await self.start()

    async def start_backend(self) -> None:
        """Start the local backend because the user said so; with a remote one, try it again now."""
        await self._close()
        self._breaker.reset()
        await self.start(explicit=True)

    async def stop_backend(self) -> None:
        """Stop the local backend because the user said so, for all windows, until somebody starts it again."""
        if self._settings().backend.url:
            self._tell.inform("The backend is a remote one (backend.url); there is no local backend to stop.")
            return
        await self._close()
        try:
            await self._local.stop()
        except LocalError as error:
            self._tell.warn(str(error))
            return
        self._say("off", "stopped")

    async def aclose(self) -> None:
        """Let go of everything; the local backend stays for other windows."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        await self._close()

    async def wait(self, seconds: float) -> Link:
        """Wait until there is a backend; raises ``BackendUnreachable`` with the reason when there is none in time."""
        try:
            async with asyncio.timeout(seconds):
                while not self._ready.is_set() and not (self._task is not None and self._task.done()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise BackendUnreachable(f"no backend within {seconds:.0f} s") from None
        if self._backend is None or self._model is None:
            raise BackendUnreachable(self._problem or "there is no backend")
        return self._link(self._backend, self._model)

    @property
    def log_path(self) -> Path:
        """Where the local backend logs."""
        return self._local.log_path

    def announce(self, *, enabled: bool) -> None:
        """Tell the state again after completions were switched off or on."""
        self._enabled = enabled
        self._say(*self._told)

    def at_work(self, state: str) -> None:
        """Tell that the model is ``working``, or ``ready`` again, unless something else is to be told."""
        if {self._told[0], state} == {"ready", "working"}:
            self._say(state, "")

    # -- connecting ----------------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Say so when connecting ended in a way that nobody foresaw."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("internal error while connecting: %r", error)
            self._problem = f"internal error ({type(error).__name__}); see the log"
            self._say("error", self._problem)

    async def _connect(self, *, explicit: bool) -> None:
        await asyncio.to_thread(preload)
        if self._settings().backend.url:
            await self._connect_remote()
        else:
            await self._connect_local(explicit=explicit)

    async def _connect_remote(self) -> None:
        backend = self._settings().backend
        self._say("starting", "connecting")
        try:
            key = None if backend.api_key else await read_key(backend.api_key_command, environ=self._environ)
            await self._open(Endpoint.from_settings(backend, key))
        except BackendError as error:
            self._refused(error)

    async def _connect_local(self, *, explicit: bool, failed: BackendError | None = None) -> None:
        """Connect; ``failed`` is what happened to the backend that was asked until now."""
        before = self._backend.endpoint if self._backend is not None else None
        try:
            endpoint = await self._local.ensure(explicit=explicit)
            if failed is not None and endpoint == before:
                # It runs and is well in name only: to be asked again later, as a remote one would be.
                self._fail(failed)
                return
            await self._open(endpoint)
        except LocalError as error:
            await self._forget()
            known, self._problem = self._problem, str(error)
            self._cancelled = isinstance(error, Cancelled)
            self._say("error" if error.show else "off", str(error))
            if error.show and str(error) != known:
                self._tell.warn(str(error))
        except BackendError as error:
            self._refused(error)

    async def _open(self, endpoint: Endpoint) -> None:
        """Look what a backend offers, and make it the one that is asked."""
        settings = self._settings()
        fresh = HttpBackend(endpoint, template=TEMPLATES.get(settings.completion.fim))
        # Swapped at once: where a model is known already, completions go on meanwhile.
        previous, self._backend = self._backend, fresh
        if previous is not None:
            await previous.aclose()
        models = await fresh.models()
        wanted = settings.backend.model if settings.backend.url else ""
        self._model = choose_model(models, wanted)
        self._problem = ""
        self._breaker.probed(self._clock(), healthy=True)
        self._ready.set()
        self._announce_ready()
        self._on_link(self._link(fresh, self._model))
        if settings.backend.url and self._model.ours:
            await self._compare(fresh)

    async def _compare(self, backend: HttpBackend) -> None:
        """Say once of a remote backend that it is too old for us. A local one would have been replaced."""
        theirs, root = await backend.version(), backend.endpoint.root
        if older(theirs, VERSION) and (root, theirs) not in self._told_older:
            self._told_older.add((root, theirs))
            self._tell.warn(older_backend(root, theirs, VERSION))

    def _link(self, backend: Backend, model: BackendModel) -> Link:
        settings = self._settings()
        fim, templated = settings.completion.fim, settings.completion.fim in TEMPLATES
        style = style_for(
            model.context_length,
            fim=templated or fim == "suffix" or (fim == "auto" and model.fim),
            line_start_fim=templated or "fim_middle" in model.extensions,
            whole_indents=model.whole_indents,
            device=model.device,
            chars_per_token=self._chars_per_token.used or settings.context.chars_per_token,
            overrides=settings.context,
        )
        return Link(backend, model, style)

    def _lose(self) -> None:
        self._model = None
        self._ready.clear()

    async def _close(self) -> None:
        """Drop the backend and whatever is on its way to it."""
        self._lose()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._forget()

    async def _forget(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            await backend.aclose()

    @property
    def _idle(self) -> bool:
        """Whether nobody is connecting just now."""
        return self._task is None or self._task.done()

    # -- how it is doing -----------------------------------------------------------------------------------------

    def _fail(self, error: BackendError) -> None:
        self._problem = str(error)
        self._report(self._breaker.failed(error, self._clock()))

    def _refused(self, error: BackendError) -> None:
        """Take note that there is no way to ask at all, in whatever words the server puts it."""
        if isinstance(error, BadRequest | ProtocolError):
            # One such answer to a completion may be the fault of its text; here there is no text.
            error = BackendUnreachable(str(error))
        self._fail(error)
        if self._told[0] == "starting":
            # Refused as before: no change of which the user is told, but nothing is starting any more.
            self._say("error", self._problem)

    def _report(self, change: Change | None) -> None:
        if change is None:
            return
        if change.state is State.CLOSED:
            self._problem = ""
            if self._model is not None:
                self._announce_ready()
            return
        log.warning("backend: %s", change.message)
        self._say("error", change.message)
        if change.show:
            self._tell.warn(change.message)

    def _announce_ready(self) -> None:
        self._say("ready", "")

    def _say(self, state: str, message: str) -> None:
        self._told = (state, message)
        if not self._enabled:
            self._tell.status("off", "switched off", backend=self._kind)
            return
        model = self._model.id if self._model is not None and state in {"ready", "working"} else ""
        self._tell.status(state, message, model=model, backend=self._kind)

    @property
    def _kind(self) -> str:
        return "remote" if self._settings().backend.url else "local"

    async def _watch(self) -> None:
        """While nobody is connecting, look whether there is a reason to."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now, backend = self._clock(), self._backend
            if not self._idle:
                continue
            if backend is not None and self._breaker.probe_due(now, last_key=self._last_key):
                self._breaker.probe_started(now)
                self._begin(self._look_again(backend))
            elif now - self._looked >= PROBE_EVERY and self._model is None:
                self._looked = now
                if backend is None:
                    self._look_elsewhere()
                elif now - self._last_key <= TYPING and self._breaker.allows(now):
                    # It asked us to wait before it had told its models.
                    self._begin(self._look_again(backend))

    async def _look_again(self, backend: HttpBackend) -> None:
        """Find out whether a backend that was down is back. As a task of its own, it ends when settings change."""
        if await backend.health():
            if self._model is not None:
                self._report(self._breaker.probed(self._clock(), healthy=True))
                return
            try:
                await self._open(backend.endpoint)
            except BackendError as error:
                self._breaker.probed(self._clock(), healthy=True)  # or the new reason would not count
                self._refused(error)
        elif self._kind == "local":
            await self._connect_local(explicit=False)

    def _look_elsewhere(self) -> None:
        """Use the local backend that another window has started, or the user by hand."""
        if self._kind == "local" and not self._cancelled and self._local.seems_to_run():
            self._begin(self._connect_local(explicit=False))
