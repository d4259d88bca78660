"""Editor windows without an editor: each a connection to a backend, its settings and its user."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from harness.environment import isolated
from harness.fake_teller import FakeTeller
from harness.local_backend import TINY, LocalBackends
from harness.waiting import until
from pilotfish.lsp.client import BackendError, CompletionRequest
from pilotfish.lsp.completer import Link
from pilotfish.lsp.connection import Connection
from pilotfish.lsp.launcher import Launcher, Recipe
from pilotfish.lsp.local import STATE_DIRECTORY
from pilotfish.lsp.settings import Settings


@dataclass
class Window:
    """One editor window: a connection, its settings and its user."""

    connection: Connection
    teller: FakeTeller
    settings: Settings
    links: list[Link]
    """Each backend that became ready."""

    def set_backend(self, **changes: Any) -> None:
        """Change settings; the connection is not told."""
        self.settings = replace(self.settings, backend=replace(self.settings.backend, **changes))

    async def typing(self, condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
        """Wait for a condition while the user types."""

        def key() -> bool:
            self.connection.link()
            return condition()

        await until(key, seconds=seconds)

    async def ready(self) -> Link:
        """Wait for a backend while the user types."""
        await self.typing(lambda: self.connection.link() is not None)
        link = self.connection.link()
        assert link is not None
        return link

    async def complete(self) -> str:
        """Ask as the completer does: what fails is told to the connection."""
        link = await self.ready()
        request = CompletionRequest("def f(", max_tokens=8)
        text = ""
        try:
            async with aclosing(link.backend.stream(request, link.model)) as chunks:
                async for chunk in chunks:
                    text += chunk.text
        except BackendError as error:
            self.connection.failed(error)
            raise
        self.connection.succeeded(None, 6)
        return text


Windows = Callable[..., Window]


@asynccontextmanager
async def windows_of(backends: LocalBackends) -> AsyncIterator[Windows]:
    """Opens windows of one user; `backend` settings are keywords. Local backends are stand-ins for the model tiny."""
    backends.behave(models=[TINY])
    opened: list[Window] = []

    def launch(recipe: Recipe) -> Launcher:
        quick = {"stop_timeout": 1.0, "start_timeout": 20.0, "patience": 0.3, "back_off": (0.0,)}
        return Launcher(replace(recipe, command=backends.command, **quick))  # type: ignore[arg-type]

    def window(**changes: Any) -> Window:
        environ = isolated(backends.folder / "home", **{STATE_DIRECTORY: str(backends.state)})
        teller, links = FakeTeller(), list[Link]()
        connection = Connection(
            lambda: made.settings,
            teller,
            environ,
            on_link=links.append,
            launch=launch,
        )
        made = Window(connection, teller, Settings(), links)
        made.set_backend(**{"model": "tiny", **changes})
        opened.append(made)
        return made

    yield window
    for each in opened:
        await each.connection.aclose()
