"""The managed local backend: one for a user and model, shared by all editor windows.

Each window looks for a running backend first and starts one only when there is none, under a lock that ends with
its holder. Every step can be cut off by ``kill -9``:

* before the child has its key: it reads the end of its input instead, and ends;
* after that, before it wrote its record: the note ``starting`` names it, and the next window waits for it;
* while it runs: its record names a pid that is gone, which counts as a crash;
* while the lock is held: the operating system frees it.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from pilotfish.lsp import processes, program
from pilotfish.lsp.catalogue import CatalogueModel, list_models
from pilotfish.lsp.child_environment import clean_environment
from pilotfish.lsp.launch_lock import launch_lock
from pilotfish.lsp.launcher_errors import (
    CrashLoop,
    LauncherError,
    LocalEngineMissing,
    ModelMissing,
    StartFailed,
    StoppedByUser,
    UnknownModel,
)
from pilotfish.lsp.local_log import prepare_log, tail
from pilotfish.lsp.lookout import LocalBackend, Lookout
from pilotfish.lsp.recipe import Program, Recipe, Status
from pilotfish.lsp.restarts import History
from pilotfish.lsp.statefile import Places, read_private, read_record, write_private
from pilotfish.lsp.version import VERSION
from pilotfish.lsp.versions import numbers

__all__ = ["Launcher", "LocalBackend", "Program", "Recipe", "Report", "Status"]

POLL = 0.05

Report = Callable[[str], None]
"""Takes one line about how far a start is."""


def ignore(_: str) -> None:
    """Report to nobody."""


class Launcher:
    """Finds, starts, watches and stops the local backend of one model."""

    def __init__(self, recipe: Recipe) -> None:
        """Prepare; nothing is read or started.

        Raises:
            UnknownModel: the recipe's model is a path that leads nowhere.

        """
        from platformdirs import user_log_path, user_state_path

        self.recipe = recipe
        self.model = program.resolve_model(recipe.model)
        self._places = Places.of(
            self.model,
            state=recipe.state or user_state_path("pilotfish", appauthor=False),
            logs=recipe.logs or user_log_path("pilotfish", appauthor=False),
        )
        self._lookout = Lookout(self._places, start_timeout=recipe.start_timeout, patience=recipe.patience)
        self._version = VERSION
        self._child: processes.Detached | None = None

    @property
    def log_path(self) -> Path:
        """Where the backend logs."""
        return self._places.log

    async def ensure(self, report: Report = ignore) -> LocalBackend:
        """Return the backend once it is ready, started if need be. Cancelling lets a started one go on.

        Raises:
            StoppedByUser, CrashLoop: it is off, and stays off until someone says start.
            ModelMissing: the user has to agree to a download first.
            LocalEngineMissing, UnknownModel, StartFailed, LauncherError: it can't be started.

        """
        with self._unwritable():
            self._check_wanted()
            found = await self._lookout.find()
            if found is None or self._outdated(found):
                found = await self._start(report)
            return await self._until_ready(found, report)

    async def start(self, report: Report = ignore) -> LocalBackend:
        """Do the same because the user said so: an earlier stop and earlier crashes are forgotten."""
        with self._unwritable():
            self._places.stopped.unlink(missing_ok=True)
            self._places.crashes.unlink(missing_ok=True)
        return await self.ensure(report)

    async def stop(self) -> bool:
        """Stop it because the user said so, and remember that. Returns whether there was one to stop."""
        with self._unwritable():
            self._make_folders()
            # Before the lock: whoever holds it to start one sees this and gives up.
            write_private(self._places.stopped, {"since": time.time()})
            async with self._lock(ignore):
                return await self._end()

    async def restart(self, report: Report = ignore) -> LocalBackend:
        """Stop it if it runs, and start it."""
        with self._unwritable():
            self._make_folders()
            async with self._lock(report):
                await self._end()
        return await self.start(report)

    async def status(self) -> Status:
        """Say how it does; changes nothing."""
        found, log = await self._lookout.find(), self._places.log
        if found is not None:
            return Status(found.health.state, log, found.health.detail, found)
        if self._places.stopped.exists():
            return Status("stopped", log, str(StoppedByUser()))
        if await self._lookout.starting() is not None:
            return Status("starting", log)
        if await self._lookout.silent():
            return Status("hanging", log, "its process is there, but does not answer")
        if self._places.record.exists():
            return Status("crashed", log, "its process is gone")
        return Status("off", log)

    def seems_to_run(self) -> bool:
        """Whether a backend is recorded whose process is there, and nobody said stop.

        A look at two files, cheap enough for every second: this is how a window that was told to leave it off
        notices that another one has started it.
        """
        record = read_record(self._places.record)
        return record is not None and processes.is_running(record.pid) and not self._places.stopped.exists()

    async def models(self) -> list[CatalogueModel]:
        """List the models that the backend's program knows; empty when it can't say."""
        used = self.program()
        return await list_models(used.command, env=used.environment, cwd=used.folder)

    def program(self) -> Program:
        """How the backend's program is to be run, whatever for.

        Raises:
            LocalEngineMissing: there is no such program.
            LauncherError: the folder to run it in can't be made.

        """
        recipe = self.recipe
        with self._unwritable():
            self._make_folders()
        return Program(
            command=recipe.command or program.find_program(recipe.environ, workspace=recipe.workspace),
            environment=clean_environment(recipe.environ, workspace=recipe.workspace),
            folder=self._places.record.parent,
        )

    # -- starting ------------------------------------------------------------------------------------------------

    async def _start(self, report: Report) -> LocalBackend:
        """Start a backend, or find the one that somebody else has started meanwhile."""
        while True:
            self._make_folders()
            async with self._lock(report):
                self._check_wanted()
                found = await self._lookout.find_patiently()
                if found is not None and not self._outdated(found):
                    return found
                if found is not None:
                    report("replacing the backend of an older version")
                    await self._end()
                elif self._places.record.exists():
                    # Its process is gone, or hangs, or the file is nonsense.
                    await self._end()
                    self._note_crash()
                pause = self._pause()
                if not pause:
                    return await self._other(report) or await self._spawn(report)
            report(f"the local backend crashed; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)

    async def _other(self, report: Report) -> LocalBackend | None:
        """Wait for a backend whose launcher was killed; None when there is none, or it ended."""
        while await self._lookout.starting() is not None:
            self._check_wanted()
            report("waiting for the backend that another window started")
            found = await self._lookout.find()
            if found is not None:
                self._places.starting.unlink(missing_ok=True)
                return found
            await asyncio.sleep(POLL)
        self._places.starting.unlink(missing_ok=True)
        return None

    async def _spawn(self, report: Report) -> LocalBackend:
        """Start the program and wait until it listens."""
        used = self.program()
        if program.is_beside_us(used.command) and not program.has_local_engine():
            raise LocalEngineMissing(f"the local engine is not installed; {program.install_advice()}")
        report("starting the local backend")
        offset = prepare_log(self._places.log)
        argv = [*used.command, *self._arguments()]
        child = processes.Detached(argv, cwd=used.folder, env=used.environment, log=self._places.log)
        try:
            write_private(self._places.starting, {"pid": child.pid, "since": time.time()})
        except BaseException:
            child.kill()
            raise
        child.send(secrets.token_urlsafe(32))
        self._child = child
        return await self._until_listening(child, offset)

    def _arguments(self) -> list[str]:
        return [
            "serve",
            *("--host", "127.0.0.1", "--port", "0", "--api-key-stdin"),
            *("--model", self.model, *program.engine_arguments(self.model)),
            *("--idle-timeout", f"{self.recipe.idle_timeout:g}"),
            *("--state-file", str(self._places.record), "--log-file", str(self._places.log)),
        ]

    async def _until_listening(self, child: processes.Detached, offset: int) -> LocalBackend:
        until = time.monotonic() + self.recipe.start_timeout
        while (found := await self._lookout.find()) is None:
            fault = ""
            if child.exit_status is not None:
                fault = f"ended at its start (status {child.exit_status})"
            elif time.monotonic() >= until:
                fault = f"did not listen within {self.recipe.start_timeout:g} s"
            if fault or self._places.stopped.exists():
                child.kill()
                # Whoever waits for the lock to stop it must find it gone.
                await processes.gone(child.pid, patience=self.recipe.stop_timeout)
                self._places.starting.unlink(missing_ok=True)
                self._check_wanted()
                raise await self._failure(fault, offset, crashed=True)
            await asyncio.sleep(POLL)
        self._places.starting.unlink(missing_ok=True)
        return found

    async def _until_ready(self, found: LocalBackend, report: Report) -> LocalBackend:
        """Wait until the model is loaded. Every window waits for itself, without the lock."""
        until = time.monotonic() + self.recipe.start_timeout
        failing_since: float | None = None
        told = ""
        while found.health.state != "ready":
            state, detail = found.health.state, found.health.detail
            now = time.monotonic()
            failing_since = (failing_since or now) if state == "failing" else None
            if now >= until or (failing_since is not None and now - failing_since >= self.recipe.patience):
                async with self._lock(report):
                    crashed = await self._end()
                raise await self._failure(f"is not ready: {detail or state}", 0, crashed=crashed)
            if state != told:
                told = state
                report("loading the model" if state == "loading" else detail or state)
            await asyncio.sleep(POLL)
            again = await self._lookout.find_patiently()
            if again is None:
                self._check_wanted()
                raise await self._failure(
                    "ended while it loaded the model", 0, crashed=await self._child_failed()
                )
            found = again
        return found

    async def _failure(self, what: str, offset: int, *, crashed: bool) -> LauncherError:
        """Find out why a start failed: the model is not here, or there is none of that name, or else the log."""
        if not Path(self.model).is_absolute():
            known = {model.name: model for model in await self.models()}
            entry = known.get(self.model)
            if entry is not None and not entry.present:
                return ModelMissing(entry.name, size=entry.size, licence=entry.licence)
            if known and entry is None:
                return UnknownModel(
                    f"backend.model: there is no model {self.model}; there are {', '.join(known)}"
                )
        if crashed:
            self._note_crash()
        log = self._places.log
        lines = tail(log, offset)
        return StartFailed(f"the local backend {what}; see {log}" + (lines and f"\n{lines}"), log=log)

    async def _child_failed(self) -> bool:
        """Whether the backend that we started ended by itself, badly, and took its record along.

        A record that is left behind is counted as a crash by whoever finds it.
        """
        child, until = self._child, time.monotonic() + self.recipe.stop_timeout
        while child is not None and child.exit_status is None and time.monotonic() < until:
            await asyncio.sleep(POLL)
        return child is not None and bool(child.exit_status) and not self._places.record.exists()

    def _outdated(self, found: LocalBackend) -> bool:
        # A newer one is not replaced: two windows of different versions would take turns for ever.
        return numbers(found.version) < numbers(self._version)

    # -- crashes -------------------------------------------------------------------------------------------------

    def _pause(self) -> float:
        """Seconds until the next start is due. Raises ``CrashLoop``."""
        history = self._history()
        if history.exhausted:
            raise CrashLoop(len(history.crashes), log=self._places.log)
        return history.wait(time.time(), self.recipe.back_off)

    def _history(self) -> History:
        crashes = read_private(self._places.crashes).get("crashes")
        return History.of(crashes if isinstance(crashes, list) else [], time.time())

    def _note_crash(self) -> None:
        history = self._history().crashed(time.time())
        write_private(self._places.crashes, {"crashes": list(history.crashes)})

    # -- ending --------------------------------------------------------------------------------------------------

    async def _end(self) -> bool:
        """End what runs or is on its way, and remove its traces. Call it under the lock."""
        pids = await self._lookout.ours()
        for pid in pids:
            if not await processes.end(pid, patience=self.recipe.stop_timeout):
                raise LauncherError(f"the local backend (process {pid}) can't be ended")
        self._places.record.unlink(missing_ok=True)
        self._places.starting.unlink(missing_ok=True)
        return bool(pids)

    def _check_wanted(self) -> None:
        """Raise ``StoppedByUser`` after an explicit stop."""
        if self._places.stopped.exists():
            raise StoppedByUser

    # -- surroundings --------------------------------------------------------------------------------------------

    def _make_folders(self) -> None:
        for folder in (self._places.record.parent, self._places.log.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _lock(self, report: Report) -> AbstractAsyncContextManager[None]:
        return launch_lock(
            self._places.lock,
            patience=self.recipe.start_timeout,
            waiting=lambda: report("waiting for another window that starts the local backend"),
        )

    @contextmanager
    def _unwritable(self) -> Iterator[None]:
        """Name the folder that can't be used."""
        try:
            yield
        except OSError as error:
            where = error.filename or self._places.record.parent
            raise LauncherError(f"the local backend can't be managed: {error.strerror}: {where}") from None
