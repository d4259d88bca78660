"""Visual Studio Code with a team's backend: connecting, a wrong key, an older server, a folder that is trusted."""

import re
from pathlib import Path

from harness.editor_samples import LINE
from harness.editor_world import World
from harness.team_backend import TeamBackend
from harness.vscode import Screen, Window
from harness.vscode_fixtures import READY, browser, profile, version, vsix

__all__ = ["browser", "version", "vsix"]

REMOTE = r"\(remote\)$"
CONNECT = "Pilotfish: Connect to a Team Backend"
WRONG_KEY = "team-of-somebody-else"
QUIET_FOR = 3.0
"""Seconds of typing in which nothing more may be said."""


def enter(window: Window, url: str, key: str) -> None:
    """Fill in the two boxes of the command that connects."""
    window.wait(lambda: "Team backend: address" in window.quick_title(), "the box for the address")
    window.answer(url)
    window.wait(lambda: "Team backend: API key" in window.quick_title(), "the box for the key")
    window.answer(key)


def ghost_text_from(team: TeamBackend, window: Window) -> None:
    """What is typed is completed by this backend."""
    before = team.completions()
    window.begin(LINE)
    window.type(LINE.typed)
    window.wait_ghost()
    assert team.completions() > before


def told(window: Window) -> set[str]:
    """All that notifications have said since the last `forget`."""
    return {note for frame in window.frames() for note in frame.notes}


def places_of(secret: str, folder: Path) -> list[Path]:
    """The files below a folder that hold a text."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if secret.encode() in path.read_bytes()]


def test_8_team_backend(
    world: World, version: str, browser: Screen, vsix: Path, team_backend: TeamBackend
) -> None:
    """A wrong key is refused in one message and not saved; the right one works, also in the next window."""
    with profile(version, world, vsix, settings={"pilotfish.backend.autostart": False}) as server:
        window = browser.window(server)
        window.begin(LINE)
        window.command(CONNECT)
        enter(window, team_backend.url, WRONG_KEY)
        message = window.note("key")
        assert team_backend.url.removeprefix("http://") in message
        assert "pilotfish.backend.url" not in server.saved_settings()
        window.press_button("Try Again")
        enter(window, team_backend.url, team_backend.key)
        window.note(f"Connected to {re.escape(team_backend.url)}")
        window.wait_status(REMOTE)
        assert server.saved_settings()["pilotfish.backend.url"] == team_backend.url
        ghost_text_from(team_backend, window)
        window.close()

        again = browser.window(server)
        again.begin(LINE)
        again.wait_status(REMOTE)
        ghost_text_from(team_backend, again)
        again.close()
    assert world.local_backend() is None
    assert not places_of(team_backend.key, world.home), "the key is kept in a file"


def test_8_team_backend_without_its_key(
    world: World, version: str, browser: Screen, vsix: Path, team_backend: TeamBackend
) -> None:
    """An address alone brings one message that names what is missing, however much is typed."""
    with profile(version, world, vsix, settings={"pilotfish.backend.url": team_backend.url}) as server:
        window = browser.window(server)
        window.begin(LINE)
        window.note("key")
        window.wait_status(": error: .*")
        window.type("several words are typed and nothing more is said ")
        world.holds(lambda: len(told(window)) == 1, "a single message", QUIET_FOR)
        window.close()


def test_8_team_backend_of_an_older_version(
    world: World, version: str, browser: Screen, vsix: Path, older_backend: TeamBackend
) -> None:
    """A backend of an older version is told of in one message, and completes."""
    with profile(version, world, vsix, settings={"pilotfish.backend.autostart": False}) as server:
        window = browser.window(server)
        window.begin(LINE)
        window.command(CONNECT)
        enter(window, older_backend.url, older_backend.key)
        window.note("older")
        window.wait_status(REMOTE)
        ghost_text_from(older_backend, window)
        about_age = [note for note in told(window) if "older" in note]
        assert len(about_age) <= 1, about_age
        window.close()


def test_trust_is_passed_on(
    world: World, version: str, browser: Screen, vsix: Path, team_backend: TeamBackend
) -> None:
    """A folder's own file can't say where text is sent to, until the user trusts the folder."""
    content = f'[backend]\nurl = "{team_backend.url}"\napi_key = "{team_backend.key}"\n'
    world.write(".pilotfish.toml", content)
    with profile(version, world, vsix, trusting=False) as server:
        window = browser.window(server)
        window.begin(LINE)
        window.note("trust")
        window.wait_status(READY)
        before = team_backend.completions()
        window.type(LINE.typed)
        window.wait_ghost()
        assert team_backend.completions() == before
        window.trust()
        window.wait_status(REMOTE)
        ghost_text_from(team_backend, window)
        window.close()
