"""Fixtures of the tests of Visual Studio Code: a version, a browser, our extension, and a window that is ready."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.code_server import CodeServer
from harness.editor_world import World
from harness.installed_editors import ROOT, editor
from harness.vscode import Screen, Window, screen

VERSIONS = ("1.100", "current")
READY = r"\(local\)$"
"""What our item of the status bar ends with when a local backend is ready."""


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """The oldest version that the extension promises to run in, and the current one."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def browser() -> Iterator[Screen]:
    """A browser for the tests of a module."""
    with screen() as made:
        yield made


@pytest.fixture(scope="session")
def vsix() -> Path:
    """The extension as it is given to users."""
    path = ROOT / "pilotfish.vsix"
    if not path.exists():
        pytest.skip("the extension is not built; build it with: make vsix")
    return path


@contextmanager
def profile(
    version: str,
    world: World,
    vsix: Path,
    *,
    settings: Mapping[str, Any] | None = None,
    trusting: bool = True,
) -> Iterator[CodeServer]:
    """A running server with a fresh profile in which the README's line has been run, and nothing else."""
    program = editor(f"vscode-{version}", "code-server")
    with CodeServer(program, world, settings=settings, trusting=trusting) as server:
        server.install(vsix)
        yield server.start()


@pytest.fixture(scope="module")
def desk(
    version: str, browser: Screen, vsix: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    """A window that the tests of a module share, with a local backend that is ready."""
    with (
        World(tmp_path_factory.mktemp(f"vscode-{version}")) as world,
        profile(version, world, vsix) as server,
    ):
        window = browser.window(server)
        world.write("first.py", "")
        window.open("first.py")
        window.wait_status(READY)
        yield window
        window.close()


@pytest.fixture
def window(desk: Window) -> Window:
    """The shared window without anything in front of it, whatever the test before has left."""
    desk.press("Escape", "Escape")
    if desk.seen().notes:
        desk.dismiss_notes()
    desk.wait_status(READY)
    return desk
