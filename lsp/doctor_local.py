"""Checks the managed local backend, as ``pilotfish doctor`` does. Starts nothing."""

import shlex
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from pilotfish.lsp import program
from pilotfish.lsp.client import Endpoint
from pilotfish.lsp.doctor_backend import check_endpoint
from pilotfish.lsp.findings import Finding, Verdict, failure, note, ok
from pilotfish.lsp.launcher import Launcher, Recipe, Status
from pilotfish.lsp.launcher_errors import LauncherError, LocalEngineMissing, UnknownModel

SEE_LOG = "look into the log {log}"
STATES: dict[str, tuple[Verdict, str, str]] = {
    "ready": (Verdict.OK, "runs", ""),
    "loading": (Verdict.OK, "is loading its model", ""),
    "starting": (Verdict.OK, "is being started", ""),
    "stopping": (Verdict.OK, "is stopping", ""),
    "off": (Verdict.OK, "does not run; it is started with the first editor window", ""),
    "stopped": (Verdict.WARNING, "was stopped", "start it with the command pilotfish.backend.start"),
    "crashed": (Verdict.WARNING, "crashed; it is started again when it is needed", SEE_LOG),
    "hanging": (Verdict.FAILURE, "has a process that does not answer", f"{SEE_LOG}, or end that process"),
    "failing": (Verdict.FAILURE, "runs, but its engine fails", SEE_LOG),
}
"""What a state of ``Status`` means and what to do about it."""


async def check_local(
    recipe: Recipe, launch: Callable[[Recipe], Launcher], *, autostart: bool
) -> AsyncIterator[Finding]:
    """Check the program, the model, the folders, and the backend that may run already."""
    try:
        launcher = launch(recipe)
        used = launcher.program()
    except LauncherError as error:
        yield _failure(error)
        return
    yield ok("backend", f"the local one with the model {launcher.model}")
    yield ok("program", shlex.join(used.command))
    if program.is_beside_us(used.command):
        yield _engine()
    if not autostart:
        yield note(
            "autostart", "off (backend.autostart)", "start it with the command pilotfish.backend.start"
        )
    yield await _model(launcher, used.command)
    for name, folder in (("state folder", used.folder), ("log folder", launcher.log_path.parent)):
        yield _writable(name, folder)
    status = await launcher.status()
    yield _status(status)
    if status.state == "ready" and status.backend is not None:
        endpoint = Endpoint(status.backend.url, api_key=status.backend.api_key)
        async for finding in check_endpoint(endpoint, wanted=""):
            yield finding


def _engine() -> Finding:
    if program.has_local_engine():
        return ok("local engine", "installed")
    return failure("local engine", "not installed", program.install_advice())


async def _model(launcher: Launcher, command: tuple[str, ...]) -> Finding:
    name = launcher.model
    if Path(name).is_absolute():
        return ok("model", f"{name} is there")
    known = {model.name: model for model in await launcher.models()}
    if not known:
        listing = shlex.join([*command, "models"])
        return failure(
            "model", "the program does not say which models it knows", f"see what it says: {listing}"
        )
    if name not in known:
        advice = f"set backend.model to one of {', '.join(known)}, or to a file's full path"
        return failure("model", f"there is no model {name}", advice)
    model = known[name]
    size = f"{model.size / 1e6:.0f} MB" if model.size else "size unknown"
    described = f"{name} ({size}, licence {model.licence or 'unknown'})"
    if not model.present:
        return failure(
            "model", f"{described} is not here yet", f"download it: {shlex.join([*command, 'pull', name])}"
        )
    return ok("model", f"{described} is here")


def _writable(name: str, folder: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ok(name, f"{folder} can be written")
    except OSError as error:
        return failure(
            name, f"{folder} can't be written: {error.strerror}", "give yourself the right, or make room"
        )


def _status(status: Status) -> Finding:
    verdict, what, advice = STATES.get(status.state, (Verdict.WARNING, f"is {status.state}", SEE_LOG))
    found = f"the local backend {what}"
    if status.backend is not None:
        found += f" (process {status.backend.pid}, version {status.backend.version}, {status.backend.url})"
    if status.detail and verdict is Verdict.FAILURE:
        found += f": {status.detail}"
    return Finding("local backend", verdict, found, advice.format(log=status.log))


def _failure(error: LauncherError) -> Finding:
    """Why not even the program can be looked at."""
    if isinstance(error, LocalEngineMissing):
        return failure("program", f"there is no {program.PROGRAM}", program.install_advice())
    if isinstance(error, UnknownModel):
        return failure("model", str(error), "correct backend.model")
    return failure("local backend", str(error), "give yourself the right, or make room")
