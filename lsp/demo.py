"""``pilotfish demo [FILE]``: watch a real model complete real code.

Nothing is prepared: the model is pulled if it is not here, the language server is started as an editor starts
it and starts its backend itself, and what is typed are statements that stand in the file. Whatever happens,
everything that was started is stopped. It all lives in a temporary directory, with a state directory and so a
local backend of its own: the user's is left alone.
"""

import asyncio
import importlib.util
import random
import signal
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from pilotfish.lsp.configuration import Configuration
from pilotfish.lsp.demo_editor import Editor, Suggestion
from pilotfish.lsp.demo_programs import Client, ProgramError, backend_program, language_server, pull
from pilotfish.lsp.demo_show import Show, choose_show
from pilotfish.lsp.demo_subject import Subject, SubjectError, read_subject
from pilotfish.lsp.demo_typist import Pace, Typist
from pilotfish.lsp.program import install_advice
from pilotfish.lsp.setting_kinds import is_local_path

MOST_PLACES = 14
WANTED = 2
"""How many suggestions are accepted."""
READY_SECONDS = 180.0
"""How long loading the model may take; a slow disk is slow."""
IDLE_SECONDS = 60
"""After which the backend ends of itself, should all of us be killed."""


def run(file: Path | None, environment: Mapping[str, str], show: Show | None = None) -> int:
    """Show the demonstration; the exit status is 0 when ghost text was shown and accepted twice.

    ``file`` is only read: what is typed goes into a copy. ``environment`` is the process's own. Sets handlers
    for the signals that end a program, so it is for a program's main thread.
    """
    if importlib.util.find_spec("rich") is None:
        return _fail(install_advice())
    try:
        return asyncio.run(_until_signalled(file, environment, show or choose_show()))
    except (SubjectError, ProgramError) as error:
        return _fail(str(error))


def _fail(text: str, status: int = 1) -> int:
    sys.stderr.write(f"pilotfish demo: {text}\n")
    return status


async def _until_signalled(file: Path | None, environment: Mapping[str, str], show: Show) -> int:
    """Run the demonstration; the first signal cancels it, and its clean-up is waited for."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(_demonstrate(file, environment, show))
    received: list[int] = []

    def cancel(number: int, _frame: FrameType | None) -> None:
        if not received:
            loop.call_soon_threadsafe(task.cancel)
        received.append(number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return _fail("stopped", 128 + received[0])


async def _demonstrate(file: Path | None, environment: Mapping[str, str], show: Show) -> int:
    subject = read_subject(file)
    program = backend_program(environment)
    model = _chosen_model(environment)
    if is_local_path(model):
        show.say(f"1. the model: {model}")
    else:
        show.say(f"1. the model: pilotfish-backend pull {model}".rstrip())
        await pull(program, model)
    with tempfile.TemporaryDirectory(prefix="pilotfish-demo-") as folder:
        copy = subject.copy_to(Path(folder))
        show.say("2. the language server: pilotfish, as an editor starts it")
        backend = {"url": "", "model": model, "autostart": True, "idle_timeout": IDLE_SECONDS}
        server = language_server(Path(folder), copy.parent, environment, {"backend": backend}, show.say)
        async with server as client:
            await client.ready(READY_SECONDS)
            show.say(f"3. typing into a copy of {subject.path}")
            suggestions = await type_into(subject, copy, client, show, Pace())
    return _conclude(suggestions, show)


def _chosen_model(environment: Mapping[str, str]) -> str:
    """The model that the user has chosen for the local backend; "" for the default one."""
    configuration = Configuration(environment)
    configuration.initialize(None, None)
    backend = configuration.settings.backend
    return "" if backend.url else backend.model


async def type_into(subject: Subject, copy: Path, client: Client, show: Show, pace: Pace) -> list[Suggestion]:
    """Type into the subject's places until enough was accepted; return all suggestions that appeared."""
    editor = Editor(client, copy, subject.text, language=subject.language, encoding=client.encoding)
    dice = random.Random(subject.path.name)  # noqa: S311  only the rhythm of the keys
    typist = Typist(editor, client.check, show, dice, pace)
    lines = len(editor.lines)
    show.start(subject.path.name)
    try:
        for number, place in enumerate(subject.places[:MOST_PLACES]):
            # Accepted text may have more or fewer lines than what it stands for.
            await typist.work_on(place, shift=len(editor.lines) - lines, accept=number > 0)
            if sum(suggestion.accepted for suggestion in editor.suggestions) >= WANTED:
                break
    finally:
        show.stop()
        await editor.close()
    return editor.suggestions


def _conclude(suggestions: list[Suggestion], show: Show) -> int:
    """Sum up, in a last line that programs can read."""
    through = sum(suggestion.typed_through for suggestion in suggestions)
    if through:
        show.say(f"typed as the ghost text had it: {through} characters")
    accepted = sum(suggestion.accepted for suggestion in suggestions)
    middle = f"{statistics.median(each.waited for each in suggestions) * 1000:.0f}" if suggestions else "-"
    show.say(f"ghost text: {len(suggestions)} shown, {accepted} accepted, p50 {middle} ms")
    return 0 if accepted >= WANTED else _fail(f"only {accepted} of {WANTED} suggestions could be accepted")
