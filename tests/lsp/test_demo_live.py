"""The demonstration with the real language server, in front of a backend that is played by the mock."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from harness.environment import isolated
from harness.processes import MockBackend
from pilotfish.lsp.demo import type_into
from pilotfish.lsp.demo_programs import Client, ProgramError, language_server
from pilotfish.lsp.demo_screen import View
from pilotfish.lsp.demo_subject import Subject, read_subject
from pilotfish.lsp.demo_typist import Pace

QUICK = Pace(key=0.02, find=0.05, look=5, read=0.02)


class Watch:
    """A `Show` that keeps what it is told and the last screen."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.view: View | None = None

    def start(self, title: str) -> None:
        self.events.append(f"start {title}")

    def say(self, text: str) -> None:
        self.events.append(text)

    def draw(self, view: View) -> None:
        self.view = view

    def event(self, view: View, text: str) -> None:
        self.view = view
        self.events.append(text)

    def note(self, text: str) -> None:
        self.events.append(text)

    def stop(self) -> None:
        self.events.append("stop")


@asynccontextmanager
async def server(folder: Path, url: str, said: list[str]) -> AsyncIterator[tuple[Client, Subject, Path]]:
    """A language server that asks the mock, and a file to type into."""
    environment = isolated(folder / "home")
    (folder / "demo").mkdir()
    subject = read_subject(None)
    copy = subject.copy_to(folder / "demo")
    options = {"backend": {"url": url}}
    async with language_server(folder / "demo", copy.parent, environment, options, said.append) as client:
        await client.ready(20)
        yield client, subject, copy


def pid_of(client: Client) -> int:
    assert client._server is not None
    return client._server.pid


async def test_what_the_model_says_is_shown_and_accepted(mock: MockBackend, tmp_path: Path) -> None:
    """With a model that knows the file, the text after typing and accepting is the file's own, and keys go through."""
    subject = read_subject(None)
    mock.configure(policy="continue", reference=subject.text, per_token=0.001)
    watch, said = Watch(), list[str]()
    async with server(tmp_path, mock.url, said) as (client, subject, copy):
        pid = pid_of(client)
        suggestions = await type_into(subject, copy, client, watch, QUICK)
    assert sum(suggestion.accepted for suggestion in suggestions) == 2
    assert all(suggestion.text in subject.text for suggestion in suggestions)
    assert sum(suggestion.typed_through for suggestion in suggestions) > 10
    assert watch.view is not None
    place = subject.places[2]
    assert watch.view.lines[: place.line + 1] == subject.text.split("\n")[: place.line + 1]
    assert watch.events[-1] == "stop"
    assert not psutil.pid_exists(pid)


async def test_another_model_gives_other_text(mock: MockBackend, tmp_path: Path) -> None:
    """Nothing that is shown comes from anywhere but the backend."""
    mock.configure(text="surprise()\n")
    async with server(tmp_path, mock.url, []) as (client, subject, copy):
        suggestions = await type_into(subject, copy, client, Watch(), QUICK)
    assert suggestions
    assert all(suggestion.text in "surprise()" for suggestion in suggestions)


async def test_a_server_that_dies_is_noticed(mock: MockBackend, tmp_path: Path) -> None:
    """The typist does not go on against a wall."""
    mock.configure(first_token=5)
    async with server(tmp_path, mock.url, []) as (client, subject, copy):
        typing = asyncio.create_task(type_into(subject, copy, client, Watch(), QUICK))
        await mock.wait_for(lambda calls: any(call.path.endswith("/completions") for call in calls))
        psutil.Process(pid_of(client)).kill()
        with pytest.raises(ProgramError, match="ended of itself"):
            await typing


async def test_a_backend_that_can_not_be_had_is_reported(tmp_path: Path) -> None:
    """Waiting for it ends, and the reason is told once."""
    said: list[str] = []
    options = {"backend": {"url": "http://127.0.0.1:9"}}
    async with language_server(
        tmp_path, tmp_path, isolated(tmp_path / "home"), options, said.append
    ) as client:
        with pytest.raises(ProgramError) as caught:
            await client.ready(2)
    assert [line for line in [*said, str(caught.value)] if "http://127.0.0.1:9" in line] != []


async def test_a_backend_that_was_left_running_is_ended(mock: MockBackend, tmp_path: Path) -> None:
    """If the server dies before it could stop its backend, the state file tells whom to end."""
    left = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    async with server(tmp_path, mock.url, []) as (client, _, _copy):
        (tmp_path / "demo" / "state" / "local.json").write_text(json.dumps({"pid": left.pid}))
        psutil.Process(pid_of(client)).kill()
    assert await asyncio.wait_for(left.wait(), 5) < 0


async def test_only_what_is_on_the_screen_is_accepted(mock: MockBackend, tmp_path: Path) -> None:
    """A model that has nothing to say leaves the file as it was typed."""
    mock.configure(text="")
    watch = Watch()
    async with server(tmp_path, mock.url, []) as (client, subject, copy):
        few = Subject(subject.path, subject.text, subject.language, subject.places[:2])
        pace = Pace(key=0.01, find=0.01, look=0.3, read=0.01)
        assert await type_into(few, copy, client, watch, pace) == []
    assert watch.view is not None
    assert "\n".join(watch.view.lines) == subject.text
