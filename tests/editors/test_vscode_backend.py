"""The local backend's life as Visual Studio Code's user sees it: first start, a kill, several windows, the end."""

import itertools
import os
import signal
from pathlib import Path

import psutil
import pytest

from harness.editor_samples import LINE
from harness.editor_world import World
from harness.installed_editors import ROOT
from harness.vscode import Screen, Window
from harness.vscode_fixtures import READY, browser, profile, version, vsix

__all__ = ["browser", "version", "vsix"]

README_LINE = "code --install-extension pilotfish.vsix"
START, STOP, RESTART = (f"Pilotfish: {what} Backend" for what in ("Start", "Stop", "Restart"))
FREEZE = 1.0
"""Seconds between two drawn keys at which an editor is no longer fluid, even on a busy machine."""


def servers(world: World) -> list[int]:
    """The language servers that run, by their process ids."""
    return [process.pid for process in world.processes() if process.is_language_server]


def backend_pid(world: World) -> int | None:
    """The local backend's process id."""
    backend = world.local_backend()
    return backend.pid if backend else None


def ghost_text_again(window: Window) -> None:
    """Ghost text appears at what is typed."""
    window.begin(LINE)
    window.type(LINE.typed)
    window.wait_ghost()


def test_1_first_start(world: World, version: str, browser: Screen, vsix: Path) -> None:
    """After the README's line it starts by itself when a file is opened; its commands stop and start the backend."""
    assert README_LINE in (ROOT / "docs/editors/vscode.md").read_text()
    with profile(version, world, vsix) as server:
        window = browser.window(server)
        world.write(LINE.name, LINE.content)
        window.open(LINE.name)
        window.wait_status(READY)
        window.command(STOP)
        window.wait_status(": off$")
        assert world.local_backend() is None
        window.forget()
        window.command(START)
        window.wait_status(READY)
        frames = window.frames()
        assert any(": starting" in frame.status for frame in frames), "no state in between was drawn"
        assert any(frame.notes for frame in frames), "no progress was drawn"
        window.wait(lambda: not window.seen().notes, "the progress to go")
        ghost_text_again(window)
        for process in world.processes():
            if process.is_language_server or process.is_backend:
                assert not Path(psutil.Process(process.pid).cwd()).is_relative_to(world.project)
        window.close()


def test_6_killed_backend(world: World, version: str, browser: Screen, vsix: Path) -> None:
    """Killed under the hands it comes back; killed again and again it stays off and says so, until Restart."""
    with profile(version, world, vsix) as server:
        window = browser.window(server)
        window.begin(LINE)
        window.wait_status(READY)
        ours = servers(world)
        window.forget()
        window.type("x = 1 + ")
        world.kill_backend()
        text = "first_value + second_value + third_value"
        window.type(text)
        window.wait(lambda: window.seen().typed.endswith(text), "all keys to be drawn")
        fluid(window)
        window.wait(lambda: any(frame.status.endswith("starting") for frame in window.frames()), "a restart")
        window.wait_status(READY)
        ghost_text_again(window)
        for _ in range(3):
            world.wait(lambda: backend_pid(world), "the next backend")
            window.wait_status(READY)
            world.kill_backend()
            world.wait(lambda: backend_pid(world) is None, "the backend's end")
            window.type(" y = 2")
        window.wait_status(": error: .+")
        notes = {note for frame in window.frames() for note in frame.notes if "tarting" not in note}
        assert len(notes) <= 1, f"a storm of dialogs: {notes}"
        window.command(RESTART)
        window.wait_status(READY)
        ghost_text_again(window)
        assert servers(world) == ours, "the editor had to start the language server again"
        window.close()


def fluid(window: Window) -> None:
    """Each key was drawn soon, also while nothing answered."""
    times = [frame.time for frame in window.frames() if frame.typed]
    slowest = max(later - earlier for earlier, later in itertools.pairwise(times))
    assert slowest < FREEZE, f"nothing was drawn for {slowest:.1f} s"


def test_7_windows_share_and_nothing_is_left(world: World, version: str, browser: Screen, vsix: Path) -> None:
    """Two windows have one backend; it outlives both, ends when nobody uses it, and at once when it is told to."""
    settings = {"pilotfish.backend.idleTimeout": 10}
    with profile(version, world, vsix, settings=settings) as server:
        one, two = browser.window(server), browser.window(server)
        for window in (one, two):
            window.page.bring_to_front()
            window.begin(LINE)
            window.wait_status(READY)
            ghost_text_again(window)
        shared = backend_pid(world)
        assert shared
        assert len(servers(world)) == 2
        assert len([process for process in world.processes() if process.is_backend]) == 1
        one.close()
        world.wait(lambda: len(servers(world)) == 1, "the closed window's language server to end")
        ghost_text_again(two)
        two.close()
        world.wait(lambda: not servers(world), "the last language server to end")
        assert backend_pid(world) == shared, "the backend ended with its windows"
        world.wait(lambda: backend_pid(world) is None, "the unused backend to end by itself", 60)

        three = browser.window(server)
        three.begin(LINE)
        three.wait_status(READY)
        three.command(STOP)
        three.wait_status(": off$")
        world.wait(lambda: backend_pid(world) is None, "the stopped backend's end")
        three.close()
        world.wait(lambda: not servers(world), "the language server to end")
    assert not [process for process in world.processes() if process.name.startswith("pilotfish")]


@pytest.mark.parametrize("number", [signal.SIGKILL], ids=["kill"])
def test_7_killed_editor_leaves_no_language_server(
    world: World, version: str, browser: Screen, vsix: Path, number: signal.Signals
) -> None:
    """When the editor's own process is killed, the language server goes too."""
    with profile(version, world, vsix) as server:
        window = browser.window(server)
        window.begin(LINE)
        window.wait_status(READY)
        (language_server,) = servers(world)
        host = psutil.Process(language_server).parent()
        assert host
        os.kill(host.pid, number)
        world.wait(lambda: language_server not in servers(world), "the orphaned language server to end")
        window.close()
