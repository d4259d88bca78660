"""The extension installs the language server where there is none, out of the wheel that it carries."""

import os
from pathlib import Path

import pytest

from harness.editor_samples import LINE
from harness.editor_world import World
from harness.vscode import Screen
from harness.vscode_fixtures import READY, browser, profile, vsix

__all__ = ["browser", "vsix"]

VERSION = "current"
OFFER = "was not found"


@pytest.fixture
def bare_world(tmp_path: Path) -> World:
    """A user without Pilotfish, and with this machine's way to the Python package index."""
    world = World(tmp_path)
    world.bin.parent.unlink()
    world.env |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    own = Path.home() / ".config/pip/pip.conf"
    if own.exists() and "PIP_CONFIG_FILE" not in world.env:
        world.env["PIP_CONFIG_FILE"] = str(own)
    cache = Path.home() / ".cache/pip"
    if cache.exists():
        (world.home / ".cache/pip").symlink_to(cache)
    return world


@pytest.mark.timeout(300)
def test_1_installs_the_language_server(bare_world: World, browser: Screen, vsix: Path) -> None:
    """Its offer, a choice, progress; then the local backend starts by itself, and there is ghost text."""
    with bare_world as world, profile(VERSION, world, vsix) as server:
        window = browser.window(server)
        window.begin(LINE)
        window.note(OFFER)
        window.wait_status(": not installed$")
        window.press_button("Install…")
        window.wait(lambda: "Install the Pilotfish" in window.quick_title(), "the choice of ways")
        window.choose("Private environment")
        window.note("Installing Pilotfish")
        window.wait_status(READY, 240)
        window.note("Pilotfish is installed")
        window.begin(LINE)
        window.type(LINE.typed)
        window.wait_ghost()
        (ours,) = [process for process in world.processes() if process.is_language_server]
        assert any(str(server.profile) in argument for argument in ours.arguments), ours
        window.close()


def test_1_cancelled_installation_leaves_nothing(bare_world: World, browser: Screen, vsix: Path) -> None:
    """Cancelled, nothing of it is left, and the status says that there is no language server."""
    with bare_world as world, profile(VERSION, world, vsix) as server:
        window = browser.window(server)
        window.begin(LINE)
        window.note(OFFER)
        window.press_button("Install…")
        window.choose("Private environment")
        window.note("Installing Pilotfish")
        window.press_button("Cancel")
        window.wait_status(": not installed$")
        world.wait(lambda: not list(server.profile.rglob("pyvenv.cfg")), "the unfinished environment to go")
        assert "pip" not in {process.name for process in world.processes()}
        window.close()
