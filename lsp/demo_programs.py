"""The programs that the demonstration runs, and their end: a model's pull, the server, its backend."""

import asyncio
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from pilotfish.lsp.launcher_errors import LauncherError
from pilotfish.lsp.local import STATE_DIRECTORY
from pilotfish.lsp.program import find_program
from pilotfish.lsp.tell import STATUS

START_SECONDS = 30.0
STOP_SECONDS = 10.0
KILL_SECONDS = 5.0


class ProgramError(Exception):
    """A program could not be started, failed or went away; the text is for the user."""


def backend_program(environment: Mapping[str, str]) -> str:
    """The path of ``pilotfish-backend``, the one beside the running interpreter first. Raises ``ProgramError``."""
    try:
        return find_program(environment, workspace=None)[0]
    except LauncherError as error:
        raise ProgramError(str(error)) from error


async def pull(program: str, model: str) -> None:
    """Have a model pulled, with the program's own progress bar. Raises ``ProgramError``."""
    process = await asyncio.create_subprocess_exec(
        program, "pull", *([model] if model else []), stdin=asyncio.subprocess.DEVNULL
    )
    try:
        status = await process.wait()
    finally:
        await _end(process)
    if status != 0:
        raise ProgramError(f"pulling the model failed (pilotfish-backend pull ended with status {status})")


class Client(LanguageClient):
    """The editor's side of the protocol: answers what the server asks, and keeps what it tells."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__("pilotfish-demo", version("pilotfish"))
        self.encoding = "utf-16"
        self.state = ""
        self.state_message = ""
        self.gone = False
        self.last_words: deque[str] = deque(maxlen=20)
        """The end of the server's stderr."""
        self._shown: list[str] = []
        self._say = say
        self._news = asyncio.Event()

        def status(told: tuple[str, ...]) -> None:  # pygls makes a named tuple of what it has no type for
            self.state = getattr(told, "state", "")
            self.state_message = getattr(told, "message", "")
            self._news.set()

        def show(params: types.ShowMessageParams) -> None:
            self._shown.append(params.message)
            say(f"pilotfish: {params.message}")

        def choose(params: types.ShowMessageRequestParams) -> None:
            say(f"pilotfish: {params.message}")  # and no answer: nothing is decided behind the user's back

        def agree(
            _: "types.WorkDoneProgressCreateParams | types.RegistrationParams | types.ProgressParams",
        ) -> None:
            return

        handlers = {
            STATUS: status,
            types.WINDOW_SHOW_MESSAGE: show,
            types.WINDOW_SHOW_MESSAGE_REQUEST: choose,
            types.WINDOW_WORK_DONE_PROGRESS_CREATE: agree,
            types.PROGRESS: agree,  # the status tells the same
            types.CLIENT_REGISTER_CAPABILITY: agree,
        }
        for name, handler in handlers.items():
            self.feature(name)(handler)

    async def server_exit(self, server: asyncio.subprocess.Process) -> None:
        """Take note that the server is gone."""
        del server
        self.gone = True
        self._news.set()

    def report_server_error(self, error: Exception, source: type[Exception]) -> None:
        """Keep what pygls could not make sense of for the message that follows."""
        self.last_words.append(f"{source.__name__}: {error}")

    async def ready(self, deadline: float) -> None:
        """Wait until the backend can be asked. Raises ``ProgramError``."""
        told = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                while self.state not in {"ready", "working"}:
                    self.check()
                    if self.state in {"error", "off"}:
                        seen = self.state_message in self._shown
                        reason = "" if seen else f": {self.state_message or self.state}"
                        raise ProgramError(f"the backend did not start{reason}")
                    if self.state_message and self.state_message != told:
                        told = self.state_message
                        self._say(f"  {told}")
                    self._news.clear()
                    await self._news.wait()
                return
        raise ProgramError(
            f"the model was not ready after {deadline:.0f} s ({self.state_message or 'no news of it'})"
        )

    def check(self) -> None:
        """Raise ``ProgramError`` if the server is gone."""
        if self.gone:
            words = "\n".join(self.last_words)
            raise ProgramError(
                "the language server ended of itself" + (f"; it said:\n{words}" if words else "")
            )


@asynccontextmanager
async def language_server(
    folder: Path,
    workspace: Path,
    environment: Mapping[str, str],
    options: Mapping[str, Any],
    say: Callable[[str], None],
) -> AsyncIterator[Client]:
    """Run ``pilotfish`` on its stdio as an editor does, with everything of its own in ``folder``.

    On leaving, the backend that it started and the server are stopped: politely, and by force if that takes
    too long.
    """
    state = folder / "state"
    state.mkdir(mode=0o700)
    client = Client(say)
    # -P and a directory of ours: nothing in the workspace can stand in for a module. A session of its own:
    # Ctrl-C in the terminal is for the demonstration, which then ends the server in order.
    await client.start_io(
        sys.executable, "-P", "-m", "pilotfish.lsp",
        cwd=str(folder), env={**environment, STATE_DIRECTORY: str(state)}, start_new_session=True,
    )  # fmt: skip
    listening = asyncio.create_task(_keep_last_words(client))
    try:
        await _initialize(client, workspace, options)
        yield client
    finally:
        await _stop(client)
        await _stop_recorded_backends(state)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _initialize(client: Client, workspace: Path, options: Mapping[str, Any]) -> None:
    capabilities = types.ClientCapabilities(
        general=types.GeneralClientCapabilities(position_encodings=["utf-32", "utf-16"]),
        text_document=types.TextDocumentClientCapabilities(
            inline_completion=types.InlineCompletionClientCapabilities()
        ),
        window=types.WindowClientCapabilities(work_done_progress=True),
    )
    params = types.InitializeParams(
        process_id=os.getpid(),
        capabilities=capabilities,
        client_info=types.ClientInfo("pilotfish demo", version("pilotfish")),
        root_uri=workspace.as_uri(),
        workspace_folders=[types.WorkspaceFolder(workspace.as_uri(), workspace.name)],
        initialization_options=options,
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            answer = await client.initialize_async(params)
    except (TimeoutError, RuntimeError, JsonRpcException) as error:
        client.check()
        raise ProgramError(f"the language server did not answer: {error or type(error).__name__}") from error
    client.encoding = answer.capabilities.position_encoding or "utf-16"
    if answer.capabilities.inline_completion_provider is None:
        raise ProgramError(
            "the language server offers no inline completion (see completion.mode in your settings)"
        )
    client.initialized(types.InitializedParams())


async def _stop(client: Client) -> None:
    # Not asyncio.timeout: until Python 3.11.3 it lets a task's earlier cancellation through instead of its own.
    with suppress(TimeoutError, RuntimeError, JsonRpcException, ConnectionError):
        await asyncio.wait_for(_say_goodbye(client), STOP_SECONDS)
    process = client._server  # noqa: SLF001  pygls has no other way to it
    if process is not None:
        await _end(process, patience=KILL_SECONDS)
    await cast("Any", client).stop()  # pygls gives it no types


async def _say_goodbye(client: Client) -> None:
    stop_backend = types.ExecuteCommandParams(command="pilotfish.backend.stop", arguments=[])
    await client.workspace_execute_command_async(stop_backend)
    await client.shutdown_async(None)
    client.exit(None)


async def _keep_last_words(client: Client) -> None:
    process = client._server  # noqa: SLF001  pygls opens the pipe, but does not read it
    if process is None or process.stderr is None:
        return
    while line := await process.stderr.readline():
        client.last_words.append(line.decode(errors="replace").rstrip())


async def _end(process: asyncio.subprocess.Process, *, patience: float = 0.0) -> None:
    """End a process: let it go by itself for ``patience`` seconds, then SIGTERM, then SIGKILL."""
    for act, seconds in ((None, patience), (process.terminate, KILL_SECONDS), (process.kill, KILL_SECONDS)):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError, TimeoutError):
            if act is not None:
                act()
            await asyncio.wait_for(process.wait(), seconds)


async def _stop_recorded_backends(state: Path) -> None:
    """End backends that the server left running; there are some only if it died or hung."""
    for pid in _recorded_backends(state):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + KILL_SECONDS
            while time.monotonic() < end:
                await asyncio.sleep(0.05)
                os.kill(pid, 0)  # ProcessLookupError: it is gone
            os.kill(pid, signal.SIGKILL)


def _recorded_backends(state: Path) -> list[int]:
    """Process ids out of the state files that are left; a backend removes its own when it ends."""
    found = []
    for path in state.rglob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.append(int(json.loads(path.read_text("utf-8"))["pid"]))
    return found
