"""``pilotfish complete FILE:LINE:COL``: asks once, as an editor would, and shows all that went into the answer.

For bug reports: the prompt, what came back, what the filters made of it, and how long each step took.
"""

import asyncio
import re
import sys
import time
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pilotfish.lsp.answer_report import Answer, report
from pilotfish.lsp.client import BackendError, CompletionRequest, Usage
from pilotfish.lsp.completer import Link
from pilotfish.lsp.configuration import Configuration
from pilotfish.lsp.connection import Connection
from pilotfish.lsp.documents import Cursor, TextBuffer
from pilotfish.lsp.exclusion import why_excluded
from pilotfish.lsp.filters import Surroundings, enough, refine
from pilotfish.lsp.languages import language_of
from pilotfish.lsp.logs import quiet_foreign
from pilotfish.lsp.place import Query
from pilotfish.lsp.plan import plan_call
from pilotfish.lsp.project import project_folder
from pilotfish.lsp.settings import Settings
from pilotfish.lsp.tell import Silent

READY_SECONDS = 120.0
LINGER = 1.0
"""Seconds that a backend gets to count its tokens once there is enough text."""
PLACE = re.compile(r"(.+):(\d{1,9}):(\d{1,9})", re.ASCII | re.DOTALL)


class Refused(Exception):
    """The question can't be asked; the message says why and what to do."""


def run(place: str, *, as_json: bool, environment: Mapping[str, str]) -> int:
    """Ask and print; return the exit status: 0 with an answer, 1 when it could not be asked, 3 with nothing to show."""
    quiet_foreign()
    try:
        path, cursor = parse_place(place)
        answer = asyncio.run(ask(path, cursor, environment))
    except (Refused, BackendError) as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    # Whatever a model may have written, half a surrogate pair too.
    sys.stdout.buffer.write(report(answer, as_json=as_json).encode(errors="replace"))
    return 0 if answer.text is not None else 3


def parse_place(place: str) -> tuple[Path, Cursor]:
    """Split ``FILE:LINE:COL``, counted from 1 in code points, as editors show it. Raises ``Refused``."""
    found = PLACE.fullmatch(place)
    line, column = (int(found[2]), int(found[3])) if found else (0, 0)
    if found is None or not line or not column:
        raise Refused(f"expected FILE:LINE:COL with numbers from 1, got {place!r}")
    return Path(found[1]), Cursor(line - 1, column - 1)


async def ask(path: Path, cursor: Cursor, environment: Mapping[str, str]) -> Answer:
    """Ask the backend that the settings name at one place of a file.

    Raises:
        Refused: an editor would not be answered here either, or there is no such place.
        BackendError: there is no backend, or it fails.

    """
    root = project_folder(path.parent)
    configuration = Configuration(environment)
    configuration.initialize(root, None)
    for problem in configuration.fresh_problems():
        _complain(str(problem))
    settings = configuration.settings
    language = language_of(path)
    excluded = _why_excluded(path, language, root, settings)
    if excluded is not None:
        raise Refused(f"nothing is ever asked here: {excluded}")
    buffer = TextBuffer(_read(path))
    if cursor.line >= len(buffer.lines):
        raise Refused(f"{path} ends at line {len(buffer.lines)}, there is no line {cursor.line + 1}")
    query = Query(
        uri=path.absolute().as_uri(),
        version=None,
        lines=buffer.lines,
        cursor=buffer.cursor(*buffer.position(cursor)),
        language=language,
        path=_header_path(path, root),
        characters=buffer.characters,
        automatic=False,
    )
    connection = Connection(lambda: settings, Silent(), environment, workspace=lambda: root)
    start = time.perf_counter()
    try:
        await connection.start()
        link = await connection.wait(READY_SECONDS)
        return await _ask(query, link, settings, connect=time.perf_counter() - start)
    finally:
        await connection.aclose()


def _read(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Refused(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8 text") from None
    if "\0" in text:
        raise Refused(f"{path} is binary")
    return text


async def _ask(query: Query, link: Link, settings: Settings, *, connect: float) -> Answer:
    plan = plan_call(
        query, anchor=None, style=link.style, device=link.model.device, settings=settings.completion
    )
    around, prompt = plan.place.surroundings, plan.prompt
    heard = await _listen(link, plan.request, around)
    suggestion = refine(heard.raw, replace(around, complete=True))
    return Answer(
        model=link.model.id,
        prompt=prompt.prefix,
        suffix=prompt.suffix,
        middle=prompt.middle,
        raw=heard.raw,
        text=suggestion.text if suggestion else None,
        overwrite=suggestion.overwrite if suggestion else 0,
        connect_ms=connect * 1000,
        first_ms=None if heard.first is None else heard.first * 1000,
        total_ms=heard.total * 1000,
        prompt_tokens=heard.usage.prompt_tokens if heard.usage else None,
        cached_tokens=heard.usage.cached_tokens if heard.usage else None,
    )


@dataclass(slots=True)
class _Heard:
    """What the backend sent. Times are in seconds since the request."""

    raw: str = ""
    first: float | None = None
    total: float = 0.0
    usage: Usage | None = None


async def _listen(link: Link, request: CompletionRequest, around: Surroundings) -> _Heard:
    """Read a completion as far as an editor would be shown it, and then what it cost."""
    heard, full = _Heard(), False
    start = time.perf_counter()
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(None) as deadline,
            aclosing(link.backend.stream(request, link.model)) as chunks,
        ):
            async for chunk in chunks:
                heard.usage = chunk.usage or heard.usage
                if full or not chunk.text:
                    continue
                heard.total = time.perf_counter() - start
                heard.first = heard.total if heard.first is None else heard.first
                heard.raw += chunk.text
                if enough(heard.raw, around):
                    full = True
                    deadline.reschedule(asyncio.get_running_loop().time() + LINGER)
            if not full:
                heard.total = time.perf_counter() - start
    return heard


def _header_path(path: Path, root: Path) -> str:
    """The path that the prompt names, as an editor that opened the folder would."""
    folder = path.parent.resolve()
    return (folder / path.name).relative_to(root).as_posix()


def _why_excluded(path: Path, language: str, root: Path, settings: Settings) -> str | None:
    return why_excluded(
        path.absolute().as_uri(),
        language,
        resolved=str(path.resolve()),
        root=str(root),
        exclude=settings.exclude,
        disabled=settings.languages.disabled,
    )


def _complain(text: str) -> None:
    sys.stderr.write(f"pilotfish complete: {text}\n")
