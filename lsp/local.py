"""The local backend as the editor's user meets it: progress, and a question before a download."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pilotfish.lsp.client import Endpoint
from pilotfish.lsp.launcher import Launcher, Recipe, Report
from pilotfish.lsp.launcher_errors import LauncherError, ModelMissing, StoppedByUser
from pilotfish.lsp.lookout import LocalBackend
from pilotfish.lsp.pull import percent_in, pull_model
from pilotfish.lsp.settings import BackendSettings, Settings
from pilotfish.lsp.tell import Progress, Teller

T = TypeVar("T")

DOWNLOAD, NOT_NOW = "Download", "Not now"
QUIET = 0.3
"""Seconds that a start may take without a progress: finding a backend that runs takes less."""
ON_ITS_WAY = frozenset({"ready", "loading", "starting"})
"""States of a backend that somebody else has started, so that there is nothing to start here."""
STATE_DIRECTORY = "PILOTFISH_STATE_DIR"
"""The environment variable that gives a language server a state directory, and so local backends, of its own."""


class LocalError(Exception):
    """There is no local backend; ``show`` tells whether the user needs a message, or a status is enough."""

    def __init__(self, message: str, *, show: bool) -> None:
        super().__init__(message)
        self.show = show


class Cancelled(LocalError):
    """The user does not want to wait for it."""

    def __init__(self) -> None:
        super().__init__("cancelled; start it with the command pilotfish.backend.start", show=False)


def recipe_for(backend: BackendSettings, environ: Mapping[str, str], workspace: Path | None) -> Recipe:
    """What the launcher is told under these settings."""
    state = environ.get(STATE_DIRECTORY)
    return Recipe(
        model=backend.model,
        idle_timeout=backend.idle_timeout,
        environ=environ,
        workspace=workspace,
        state=Path(state) if state else None,
        logs=Path(state) if state else None,
    )


class Local:
    """Gets the local backend going under the settings in force."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        tell: Teller,
        environ: Mapping[str, str],
        workspace: Callable[[], Path | None],
        launch: Callable[[Recipe], Launcher] = Launcher,
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._environ = environ
        self._workspace = workspace
        self._launch = launch
        self._declined: set[str] = set()
        self._model = ""
        self._asked = False

    async def ensure(self, *, explicit: bool) -> Endpoint:
        """Return where the ready backend is, started if need be; ``explicit`` when the user has just asked for it.

        Raises ``LocalError`` when it is off, and stays off.
        """
        self._asked = self._asked or explicit
        if self._model != self._settings().backend.model:
            # Whoever chooses a model may be asked about it, also a second time.
            self._model = self._settings().backend.model
            self._declined.clear()
        try:
            launcher = self._launcher()
            if not self._may_start and (await launcher.status()).state not in ON_ITS_WAY:
                advice = "start it with the command pilotfish.backend.start"
                raise LocalError(
                    f"the local backend is not started by itself (backend.autostart); {advice}", show=False
                )
            try:
                found = await self._start(launcher, explicit=explicit)
            except ModelMissing as missing:
                await self._download(launcher, missing, explicit=explicit)
                found = await self._start(launcher, explicit=explicit)
        except StoppedByUser as stopped:
            raise LocalError(str(stopped), show=False) from None
        except LauncherError as error:
            raise LocalError(str(error), show=True) from None
        return Endpoint(found.url, api_key=found.api_key, timeout=self._settings().backend.timeout)

    async def stop(self) -> None:
        """Stop it for all windows, and remember that the user wanted so. Raises ``LocalError``."""
        self._asked = False
        try:
            await self._launcher().stop()
        except LauncherError as error:
            raise LocalError(str(error), show=True) from None

    def seems_to_run(self) -> bool:
        """Whether it looks as if somebody has started it meanwhile; cheap."""
        try:
            return self._launcher().seems_to_run()
        except LauncherError:
            return False

    @property
    def _may_start(self) -> bool:
        return self._asked or self._settings().backend.autostart

    @property
    def log_path(self) -> Path:
        """Where it logs."""
        return self._launcher().log_path

    def _launcher(self) -> Launcher:
        return self._launch(recipe_for(self._settings().backend, self._environ, self._workspace()))

    async def _start(self, launcher: Launcher, *, explicit: bool) -> LocalBackend:
        start = launcher.start if explicit else launcher.ensure
        return await self._with_progress("Pilotfish: starting the local backend", start, quiet=QUIET)

    async def _download(self, launcher: Launcher, missing: ModelMissing, *, explicit: bool) -> None:
        """Download a model if the user says yes. No answer means no, and one message then says how to do it by hand."""
        if missing.name in self._declined and not explicit:
            raise LocalError(str(missing), show=False)
        size = f"{missing.size / 1e6:.0f} MB" if missing.size else "size unknown"
        licence = missing.licence or "unknown"
        question = f"Pilotfish needs the model {missing.name} ({size}, licence {licence}). Download it now?"
        self._tell.status("off", str(missing), backend="local")
        if await self._tell.ask(question, DOWNLOAD, NOT_NOW) != DOWNLOAD:
            self._declined.add(missing.name)
            raise LocalError(str(missing), show=True)

        await self._with_progress(
            f"Pilotfish: downloading {missing.name}",
            lambda report: pull_model(launcher, missing.name, report),
            quiet=0,
            measured=True,
        )

    async def _with_progress(
        self,
        title: str,
        work: Callable[[Report], Coroutine[Any, Any, T]],
        *,
        quiet: float,
        measured: bool = False,
    ) -> T:
        """Run something that reports lines, after ``quiet`` seconds under a progress that the user can cancel."""
        shown: Progress | None = None
        last = ""

        def report(line: str) -> None:
            nonlocal last
            last = line
            self._tell.status("starting", line, backend="local")
            if shown is not None:
                shown.report(line, percent_in(line))

        def cancel() -> None:
            task.cancel()

        task = asyncio.create_task(work(report))
        try:
            await asyncio.wait({task}, timeout=quiet)
            if not task.done():
                async with self._tell.progress(title, cancelled=cancel, measured=measured) as shown:
                    if last:
                        shown.report(last, percent_in(last))
                    await asyncio.wait({task})
            if task.cancelled():
                raise Cancelled
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
