"""What the server says to the client of its own accord: status, messages, questions, progress, and what it asks."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from pilotfish.lsp.server import Server

log = logging.getLogger(__name__)

STATUS = "pilotfish/status"
MORE = "pilotfish/more"
ANSWER_SECONDS = 10.0
"""How long a client may take to answer what no person has to decide."""


def in_words(status: Mapping[str, str]) -> str:
    """A status as a sentence, for editors without a place for it."""
    backend = f"{status['backend']} backend" if status["backend"] else ""
    where = ", ".join(part for part in (status["model"], backend) if part)
    said = [f"Pilotfish is {status['state']}", f" ({where})" if where else "", f": {status['message']}"]
    return "".join(said if status["message"] else said[:2])


class Progress:
    """A running work-done progress; reports are dropped when the client has none."""

    def __init__(self, report: Callable[[str, int | None], None]) -> None:
        self._report = report

    def report(self, message: str, percentage: int | None = None) -> None:
        """Say how far it is: ``percentage`` from 0 to 100, where that is known."""
        self._report(message, percentage)


class Teller(Protocol):
    """Whom the connection tells how it goes: an editor, or nobody."""

    def status(self, state: str, message: str = "", *, model: str = "", backend: str = "") -> None:
        """Tell the state."""
        ...

    def warn(self, text: str) -> None:
        """Say what the user must act on."""
        ...

    def inform(self, text: str) -> None:
        """Answer what the user asked for."""
        ...

    async def ask(self, text: str, *actions: str) -> str | None:
        """Ask the user to choose; None: no."""
        ...

    def progress(
        self, title: str, *, cancelled: Callable[[], None], measured: bool = False
    ) -> AbstractAsyncContextManager[Progress]:
        """Show how far something is; ``measured`` when it will be told in percent."""
        ...


class Silent:
    """A teller for the command line: what matters there comes back as an error."""

    def status(self, state: str, message: str = "", *, model: str = "", backend: str = "") -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""

    def inform(self, text: str) -> None:
        """Say nothing."""

    async def ask(self, text: str, *actions: str) -> str | None:
        """Have nobody to ask."""
        del text, actions
        return None

    @asynccontextmanager
    async def progress(
        self, title: str, *, cancelled: Callable[[], None], measured: bool = False
    ) -> AsyncIterator[Progress]:
        """Show nothing."""
        del title, cancelled, measured
        yield Progress(lambda _message, _percentage: None)


class Tell:
    """The client's side of the conversation, with everything optional: clients differ in what they understand."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._last: dict[str, Any] | None = None

    def status(self, state: str, message: str = "", *, model: str = "", backend: str = "") -> None:
        """Tell status bars how it goes; ``state`` is off, starting, ready, working or error."""
        body = {"state": state, "message": message, "model": model, "backend": backend}
        if body != self._last:
            self._last = body
            self._server.protocol.notify(STATUS, body)

    def more(self, uri: str, version: int | None, position: tuple[int, int]) -> None:
        """Tell that the last answer for a place was half a line, and that asking again gives all of it."""
        line, character = position
        place = {"line": line, "character": character}
        document = {"uri": uri, "version": version}
        self._server.protocol.notify(MORE, {"textDocument": document, "position": place})

    @property
    def last_status(self) -> dict[str, Any]:
        """What was told last."""
        return self._last or {"state": "off", "message": "", "model": "", "backend": ""}

    def warn(self, text: str) -> None:
        """Show what the user must act on. Callers see to it that it is shown once."""
        self._show(text, types.MessageType.Warning)

    def inform(self, text: str) -> None:
        """Show the answer to what the user has just asked for."""
        self._show(text, types.MessageType.Info)

    def _show(self, text: str, kind: types.MessageType) -> None:
        log.info("told the user: %s", text)
        self._server.window_show_message(types.ShowMessageParams(type=kind, message=text))

    async def ask(self, text: str, *actions: str) -> str | None:
        """Ask the user to choose; None when there is no answer, or the client can't ask."""
        parameters = types.ShowMessageRequestParams(
            type=types.MessageType.Info,
            message=text,
            actions=[types.MessageActionItem(title=title) for title in actions],
        )
        try:
            chosen = await self._server.window_show_message_request_async(parameters)
        except JsonRpcException:
            return None
        return chosen.title if chosen is not None else None

    async def configuration(self, section: str) -> object:
        """Fetch a section of the client's settings; None when the client has no such request."""
        workspace = self._server.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return None
        parameters = types.ConfigurationParams(items=[types.ConfigurationItem(section=section)])
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._server.workspace_configuration_async(parameters)
        except (JsonRpcException, TimeoutError):
            return None
        return answer[0] if answer else None

    async def watch_configuration(self) -> None:
        """Have the client tell when settings or the workspace's file change, where it can be asked to."""
        workspace = self._server.client_capabilities.workspace
        if workspace is None:
            return
        wanted = []
        changes, files = workspace.did_change_configuration, workspace.did_change_watched_files
        if changes is not None and changes.dynamic_registration:
            options: Any = types.DidChangeConfigurationRegistrationOptions(section="pilotfish")
            wanted.append((types.WORKSPACE_DID_CHANGE_CONFIGURATION, options))
        if files is not None and files.dynamic_registration:
            watcher = types.FileSystemWatcher(glob_pattern="**/.pilotfish.toml")
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers=[watcher])
            wanted.append((types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options))
        if not wanted:
            return
        registrations = [
            types.Registration(id=str(uuid.uuid4()), method=method, register_options=options)
            for method, options in wanted
        ]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._server.client_register_capability_async(types.RegistrationParams(registrations))
        except (JsonRpcException, TimeoutError):
            log.warning("the client refused to watch the configuration")

    @asynccontextmanager
    async def progress(
        self, title: str, *, cancelled: Callable[[], None], measured: bool = False
    ) -> AsyncIterator[Progress]:
        """Show a work-done progress around the body; ``cancelled`` is called when the user cancels it.

        Clients show no percentage later where there is none at the beginning: ``measured`` gives one.
        """
        window = self._server.client_capabilities.window
        if window is None or not window.work_done_progress:
            yield Progress(lambda _message, _percentage: None)
            return
        token, shown = str(uuid.uuid4()), self._server.work_done_progress
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await shown.create_async(token)
        except (JsonRpcException, TimeoutError):
            yield Progress(lambda _message, _percentage: None)
            return
        shown.tokens[token].add_done_callback(lambda future: cancelled() if future.cancelled() else None)
        percentage = 0 if measured else None
        shown.begin(token, types.WorkDoneProgressBegin(title=title, cancellable=True, percentage=percentage))

        def report(message: str, percentage: int | None) -> None:
            shown.report(
                token, types.WorkDoneProgressReport(message=message, percentage=percentage, cancellable=True)
            )

        try:
            yield Progress(report)
        finally:
            shown.end(token, types.WorkDoneProgressEnd())
            shown.tokens.pop(token, None)

    async def apply(self, edit: types.WorkspaceEdit) -> bool:
        """Have the client apply an edit; False when it refused."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                result = await self._server.workspace_apply_edit_async(
                    types.ApplyWorkspaceEditParams(edit=edit)
                )
        except (JsonRpcException, TimeoutError):
            return False
        return result.applied
