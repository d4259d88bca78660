"""``pilotfish doctor``: checks the installation from the interpreter to a token of the model, and says what to do."""

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from pilotfish.lsp.configuration import Configuration
from pilotfish.lsp.doctor_backend import check_remote
from pilotfish.lsp.doctor_editors import check_editors
from pilotfish.lsp.doctor_local import check_local
from pilotfish.lsp.findings import Finding, as_json, as_text, failed, failure, note, ok, warning
from pilotfish.lsp.launcher import Launcher, Recipe
from pilotfish.lsp.local import recipe_for
from pilotfish.lsp.logs import quiet_foreign
from pilotfish.lsp.project import project_folder
from pilotfish.lsp.settings_layers import ENV_PREFIX
from pilotfish.lsp.settings_sources import WORKSPACE_FILE, user_config_path
from pilotfish.lsp.version import VERSION

OLDEST_PYTHON = (3, 11)
PLATFORMS = ("linux", "darwin")


def run(*, as_json: bool, environment: Mapping[str, str]) -> int:
    """Check everything as seen from the working directory and print it; 1 when something failed, else 0."""
    quiet_foreign()
    try:
        findings = asyncio.run(_gathered(examine(environment, Path.cwd())))
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(_json(findings) if as_json else as_text(findings))
    return 1 if failed(findings) else 0


async def examine(
    environment: Mapping[str, str], folder: Path, *, launch: Callable[[Recipe], Launcher] = Launcher
) -> AsyncIterator[Finding]:
    """Look at one thing after the other, as a language server in that folder would find it."""
    root = project_folder(folder)
    yield _python()
    for finding in _installation(environment):
        yield finding
    configuration = Configuration(environment)
    configuration.initialize(root, None)
    for finding in _configuration(configuration, environment, root):
        yield finding
    settings = configuration.settings
    if settings.backend.url:
        async for finding in check_remote(settings, environment):
            yield finding
    else:
        recipe = recipe_for(settings.backend, environment, root)
        async for finding in check_local(recipe, launch, autostart=settings.backend.autostart):
            yield finding
    async for finding in check_editors(environment, workspace=root):
        yield finding


async def _gathered(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


def _json(findings: list[Finding]) -> str:
    return as_json(findings, version=VERSION)


def _python() -> Finding:
    found = f"{platform.python_version()} ({sys.executable}) on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON:
        return failure("Python", found, "install Pilotfish with Python 3.11 or later")
    if sys.platform not in PLATFORMS:
        return warning("Python", found, "Pilotfish is tested on Linux and macOS only; tell us what you find")
    return ok("Python", found)


def _installation(environment: Mapping[str, str]) -> list[Finding]:
    """Where we are, and whether an editor that starts ``pilotfish`` would find us."""
    ours = ok("Pilotfish", f"{VERSION} in {Path(__file__).parent}")
    program = shutil.which("pilotfish", path=environment.get("PATH", ""))
    beside = shutil.which("pilotfish", path=str(Path(sys.executable).parent))
    if program is None:
        where = beside or f"{sys.executable} -m pilotfish.lsp"
        return [ours, note("PATH", "there is no pilotfish on PATH", f"editors need its full path: {where}")]
    if beside is not None and not os.path.samefile(program, beside):  # noqa: PTH121  follows links
        advice = f"editors that start plain pilotfish start that one; this one is {beside}"
        return [ours, warning("PATH", f"another pilotfish comes first: {program}", advice)]
    return [ours, ok("PATH", program)]


def _configuration(configuration: Configuration, environment: Mapping[str, str], root: Path) -> list[Finding]:
    findings = []
    for file in (user_config_path(environment), root / WORKSPACE_FILE):
        there = False
        with suppress(OSError):
            there = file.exists()
        findings.append(
            ok("configuration", f"read {file}") if there else note("configuration", f"none in {file}")
        )
    # Only their names: one of them may hold a key.
    if names := sorted(name for name in environment if name.startswith(ENV_PREFIX)):
        findings.append(ok("configuration", f"in the environment: {', '.join(names)}"))
    for problem in configuration.fresh_problems():
        if Path(problem.setting).is_absolute():  # the whole file was passed over
            advice = "mend the file: nothing in it is in force"
            findings.append(failure("configuration", str(problem), advice))
        else:
            advice = "correct or remove it: a lower layer's value or the default is in force"
            findings.append(warning("configuration", str(problem), advice))
    return findings
