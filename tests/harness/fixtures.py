"""Fixtures for tests that talk to the language server; `tests/conftest.py` makes them known."""

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from harness.conduct import assert_answered_once
from harness.editor import INLINE, Editor
from harness.environment import isolated
from harness.lsp_client import Handler, LspClient
from harness.processes import MockBackend
from harness.programs import language_server


class OpenEditor(Protocol):
    """The type of the `open_editor` fixture."""

    def __call__(
        self,
        *,
        options: Mapping[str, Any] | None = None,
        capabilities: Mapping[str, Any] = INLINE,
        encodings: Sequence[str] | None = None,
        name: str = "harness",
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        backend_url: str | None = "mock",
        ready: bool = True,
        handlers: Mapping[str, Handler] | None = None,
    ) -> Awaitable[Editor]:
        """Start `pilotfish` in front of the mock and initialize it.

        `options` are merged into initializationOptions (prefetch is off), `environment` adds variables,
        `backend_url` None leaves the URL unset, `ready` waits until the server has found the backend.
        `handlers` answer the server's requests, its very first too.
        """


@pytest.fixture(scope="module")
def mock_process() -> Iterator[MockBackend]:
    """One mock backend for a module's tests."""
    with MockBackend() as mock:
        yield mock


@pytest.fixture
def mock(mock_process: MockBackend) -> MockBackend:
    """The mock with its defaults and an empty log."""
    mock_process.reset()
    return mock_process


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace folder, beside the server's home and not above it."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
async def open_editor(mock: MockBackend, workspace: Path, tmp_path: Path) -> AsyncIterator[OpenEditor]:
    """Editors with a server each, in a home of their own; afterwards every request was answered once."""
    editors: list[Editor] = []

    async def opened(
        *,
        options: Mapping[str, Any] | None = None,
        capabilities: Mapping[str, Any] = INLINE,
        encodings: Sequence[str] | None = None,
        name: str = "harness",
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        backend_url: str | None = "mock",
        ready: bool = True,
        handlers: Mapping[str, Handler] | None = None,
    ) -> Editor:
        env = isolated(tmp_path / "home", **(environment or {}))
        client = await LspClient.start([*language_server(), *arguments], env=env, cwd=workspace)
        client.handlers.update(handlers or {})
        editor = Editor(client, workspace)
        editors.append(editor)
        url = mock.url if backend_url == "mock" else backend_url
        chosen = dict(options or {})
        # Tests count calls; those made in advance have a test of their own.
        chosen["completion"] = {"prefetch": "never", **chosen.get("completion", {})}
        chosen["backend"] = {**({} if url is None else {"url": url}), **chosen.get("backend", {})}
        await editor.initialize(options=chosen, capabilities=capabilities, encodings=encodings, name=name)
        if ready:
            await editor.ready()
        return editor

    yield opened
    for editor in editors:
        await editor.client.stop()
        assert_answered_once(editor.client)
