"""Has the backend's program download a model, which the user has agreed to."""

import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from pilotfish.lsp.launcher_errors import PullFailed
from pilotfish.lsp.short_run import Running, running

if TYPE_CHECKING:
    from pilotfish.lsp.launcher import Launcher

MAX_LINE = 4096
KEPT_LINES = 5
PERCENT = re.compile(r"\b(100|\d{1,2})(?:\.\d+)? ?%")


async def pull_model(launcher: "Launcher", model: str, report: Callable[[str], None]) -> None:
    """Download a model. Cancelling ends the program, and what it started, within seconds.

    ``report`` gets each line of its progress; ``percent_in`` finds out how far that is.

    Raises:
        PullFailed: it could not; the message ends with what the program said last.
        LauncherError: there is no such program, or no folder to run it in.

    """
    last: deque[str] = deque(maxlen=KEPT_LINES)
    program = launcher.program()
    argv = [*program.command, "pull", model, "--yes"]
    try:
        async with running(argv, env=program.environment, cwd=program.folder, errors=True) as process:
            async for line in _lines(process):
                if percent_in(line) is None:
                    last.append(line)
                report(line)
            status = await process.wait()
    except OSError as error:
        raise PullFailed(f"{program.command[0]} can't be run: {error.strerror}") from None
    if status != 0:
        raise PullFailed("\n".join([f"the model {model} could not be downloaded", *last]))


def percent_in(line: str) -> int | None:
    """How far a line of progress says it is, from 0 to 100, or None."""
    found = PERCENT.search(line)
    return int(found.group(1)) if found else None


async def _lines(process: Running) -> AsyncIterator[str]:
    """Yield what a program prints; progress bars end their lines with a carriage return."""
    rest = b""
    while part := await process.output.read(MAX_LINE):
        *whole, rest = re.split(rb"[\r\n]", rest + part)
        rest = rest[-MAX_LINE:]
        for line in whole:
            if text := line.decode(errors="replace").strip():
                yield text
    if text := rest.decode(errors="replace").strip():
        yield text
