"""``pilotfish complete FILE:LINE:COL``: asks once, as an editor would, and shows all that went into the answer.

For bug reports: the prompt, what came back, what the filters made of it, and how long each step took.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from pilotfish.lsp import context, trigger
from pilotfish.lsp.client import BackendError, CompletionRequest
from pilotfish.lsp.completer import Link
from pilotfish.lsp.configuration import Configuration
from pilotfish.lsp.connection import Connection
from pilotfish.lsp.documents import Cursor, TextBuffer
from pilotfish.lsp.exclusion import why_excluded
from pilotfish.lsp.filters import Suggestion, refine
from pilotfish.lsp.languages import language_of
from pilotfish.lsp.place import Query, place_of
from pilotfish.lsp.settings import Settings
from pilotfish.lsp.tell import Silent

READY_SECONDS = 120.0


class Refused(Exception):
    """The question can't be asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question brought to light. Times are in milliseconds."""

    model: str
    prompt: str
    suffix: str | None
    middle: str
    raw: str
    text: str | None
    overwrite: int
    connect_ms: float
    first_ms: float | None
    total_ms: float
    prompt_tokens: int | None
    cached_tokens: int | None


def run(place: str, *, as_json: bool, environment: Mapping[str, str]) -> int:
    """Ask and print; return the exit status: 0 with an answer, 1 when it could not be asked, 3 with nothing to show."""
    try:
        path, cursor = parse_place(place)
        answer = asyncio.run(ask(path, cursor, environment))
    except (Refused, BackendError) as error:
        sys.stderr.write(f"pilotfish complete: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(_as_json(answer) if as_json else _as_text(answer))
    return 0 if answer.text is not None else 3


def parse_place(place: str) -> tuple[Path, Cursor]:
    """Split ``FILE:LINE:COL``, counted from 1 in code points, as editors show it."""
    name, _, rest = place.rpartition(":")
    name, _, line = name.rpartition(":")
    if not name or not line.isdigit() or not rest.isdigit() or int(line) < 1 or int(rest) < 1:
        raise Refused(f"expected FILE:LINE:COL with numbers from 1, got {place!r}")
    return Path(name), Cursor(int(line) - 1, int(rest) - 1)


async def ask(path: Path, cursor: Cursor, environment: Mapping[str, str]) -> Answer:
    """Ask the backend that the settings name at one place of a file."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise Refused(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8 text") from None
    buffer = TextBuffer(text)
    if cursor.line >= len(buffer.lines):
        raise Refused(f"{path} has {len(buffer.lines)} lines, there is no line {cursor.line + 1}")
    root = _root(path)
    configuration = Configuration(environment)
    configuration.initialize(root, None)
    settings = configuration.settings
    language = language_of(path)
    excluded = _why_excluded(path, language, root, settings)
    if excluded is not None:
        raise Refused(f"nothing is ever asked here: {excluded}")
    query = Query(
        uri=path.resolve().as_uri(),
        version=None,
        lines=buffer.lines,
        cursor=buffer.cursor(*buffer.position(cursor)),
        language=language,
        path=path.resolve().relative_to(root).as_posix(),
        characters=buffer.characters,
        automatic=False,
    )
    connection = Connection(lambda: settings, Silent(), environment)
    start = time.perf_counter()
    try:
        await connection.start(explicit=True)
        link = await connection.wait(READY_SECONDS)
        return await _ask(query, link, settings, connect=time.perf_counter() - start)
    finally:
        await connection.aclose()


async def _ask(query: Query, link: Link, settings: Settings, *, connect: float) -> Answer:
    place = place_of(query)
    around = place.surroundings
    mode = trigger.mode(
        around.before,
        around.after,
        around.below,
        automatic=False,
        multiline=settings.completion.multiline,
        device=link.model.device,
        above=around.above,
        language=query.language,
    )
    block = mode is trigger.Mode.BLOCK
    prompt = context.build_prompt(
        query.lines, query.cursor, path=query.path, language=query.language, anchor=None, style=link.style
    )
    request = CompletionRequest(
        prompt.prefix,
        prompt.suffix,
        prompt.middle,
        trigger.max_tokens(mode, device=link.model.device, fim=link.style.fim),
        stop=() if block else ("\n",),
    )
    raw, first, usage = "", None, None
    start = time.perf_counter()
    async with aclosing(link.backend.stream(request, link.model)) as chunks:
        async for chunk in chunks:
            if chunk.text and first is None:
                first = time.perf_counter() - start
            raw += chunk.text
            usage = chunk.usage or usage
    total = time.perf_counter() - start
    suggestion: Suggestion | None = refine(
        raw, replace(around, owed=prompt.owed, multiline=block, complete=True)
    )
    return Answer(
        model=link.model.id,
        prompt=prompt.prefix,
        suffix=prompt.suffix,
        middle=prompt.middle,
        raw=raw,
        text=suggestion.text if suggestion else None,
        overwrite=suggestion.overwrite if suggestion else 0,
        connect_ms=connect * 1000,
        first_ms=None if first is None else first * 1000,
        total_ms=total * 1000,
        prompt_tokens=usage.prompt_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
    )


def _root(path: Path) -> Path:
    """The folder that an editor would have opened: the nearest one with a ``.git``, else the file's own."""
    folder = path.resolve().parent
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
    return folder


def _why_excluded(path: Path, language: str, root: Path, settings: Settings) -> str | None:
    return why_excluded(
        path.absolute().as_uri(),
        language,
        resolved=str(path.resolve()),
        root=str(root),
        exclude=settings.exclude,
        disabled=settings.languages.disabled,
    )


def _as_json(answer: Answer) -> str:
    from dataclasses import asdict

    return json.dumps(asdict(answer), ensure_ascii=False, indent=2) + "\n"


def _as_text(answer: Answer) -> str:
    first = "none" if answer.first_ms is None else f"{answer.first_ms:.0f} ms"
    parts = [
        f"model     {answer.model}",
        f"time      connect {answer.connect_ms:.0f} ms, first token {first}, all {answer.total_ms:.0f} ms",
        f"tokens    prompt {answer.prompt_tokens}, of them cached {answer.cached_tokens}",
        _boxed("prompt", answer.prompt),
    ]
    if answer.suffix is not None:
        parts.append(_boxed("suffix", answer.suffix))
    if answer.middle:
        parts.append(_boxed("middle", answer.middle))
    parts.append(_boxed("raw answer", answer.raw))
    parts.append(_boxed("suggestion", "nothing to show" if answer.text is None else answer.text))
    return "\n".join(parts) + "\n"


def _boxed(title: str, text: str) -> str:
    return f"--- {title}\n{text}\n---"
