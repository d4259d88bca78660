"""Emacs and the backend: when it dies, when windows share it, and when it is a team's."""

from pathlib import Path

import pytest

from harness.editor_samples import LINE, LOOP, EditorSample
from harness.editor_world import World
from harness.emacs import CLIENTS, Emacs, install
from harness.team_backend import TeamBackend

pytestmark = pytest.mark.parametrize("client", CLIENTS)
OLDER = "older than this language server"
FLUID = 2.0
"""Seconds within which a key must be drawn, on a machine that has much else to do."""
IDLE = 10
"""Seconds after which a backend that nobody uses ends: the shortest that can be set."""


def configure(world: World, text: str) -> None:
    """Write the user's config.toml."""
    place = world.home / ".config/pilotfish/config.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def type_sample(window: Emacs, sample: EditorSample) -> None:
    """Open a sample, and type."""
    window.open_sample(sample)
    window.terminal.type(sample.typed)


def wait_for_row(window: Emacs, text: str) -> None:
    """Wait until the cursor's row begins with a text, which must not take long."""
    window.world.wait(lambda: window.row().strip().startswith(text), "a key to be drawn", FLUID)


def said(window: Emacs, *words: str) -> list[str]:
    """The messages in the echo area that hold one of the words, as often as they were said."""
    lines = window.state().messages.splitlines()
    return [line for line in lines if any(word in line for word in words)]


def test_6_killed_backend(world: World, client: str) -> None:
    """Keys are drawn while the backend is gone, the mode line says so, nobody is asked, and all comes back."""
    install(world, client)
    window = Emacs(world, client)
    type_sample(window, LINE)
    window.ghost()
    messages = len(window.state().messages.splitlines())
    killed = world.kill_backend()
    text = "# typing goes on, whatever happens"
    window.terminal.press("M->")
    states = set()
    for count in range(1, len(text) + 1):
        window.terminal.type(text[count - 1])
        wait_for_row(window, text[:count].rstrip())
        state = window.state()
        states.add(state.status)
        assert not state.prompt
    assert states - {"ready", "working"}, states
    window.wait_for_status("ready")
    backend = world.local_backend()
    assert backend
    assert backend.pid != killed
    assert len(window.state().messages.splitlines()) <= messages + 2, window.state().messages
    type_sample(window, LOOP)
    assert window.ghost()
    window.command("pilotfish-restart")
    world.wait(lambda: (now := world.local_backend()) and now.pid != backend.pid, "another backend")
    window.wait_for_status("ready")
    type_sample(window, LINE)
    assert window.ghost()


def test_7_windows_share_and_nothing_is_left(world: World, client: str) -> None:
    """Two windows have one backend; it outlives them by its idle time; a stop ends it at once; no process is left."""
    configure(world, f"[backend]\nidle_timeout = {IDLE}\n")
    install(world, client)
    first = Emacs(world, client)
    type_sample(first, LINE)
    first.ghost()
    backend = world.local_backend()
    assert backend
    second = Emacs(world, client)
    type_sample(second, LOOP)
    second.ghost()
    assert [process.pid for process in world.processes() if process.is_backend] == [backend.pid]
    second.command("pilotfish-stop")
    second.wait_for_status("off")
    world.wait(
        lambda: not [process for process in world.processes() if process.is_backend], "the backend to end"
    )
    first.command("pilotfish-start")
    world.wait(world.local_backend, "another backend")
    first.wait_for_status("ready")
    first.quit()
    second.quit()
    world.wait(
        lambda: not [process for process in world.processes() if process.is_language_server], "servers to end"
    )
    assert world.local_backend(), "the backend should outlive its windows"
    world.wait(lambda: not world.processes(), "nothing to be left", IDLE + 30)


def test_8_team_backend(world: World, client: str, team_backend: TeamBackend) -> None:
    """With a team's URL and key in config.toml, suggestions come from there, and no local backend is started."""
    configure(world, f'[backend]\nurl = "{team_backend.url}"\napi_key = "{team_backend.key}"\n')
    install(world, client)
    before = team_backend.completions()
    window = Emacs(world, client)
    type_sample(window, LINE)
    assert window.ghost()
    assert team_backend.completions() > before
    assert not [process for process in world.processes() if process.is_backend]


def test_8_wrong_key(world: World, client: str, team_backend: TeamBackend) -> None:
    """A wrong key is said once, by the setting's name, and the mode line shows an error."""
    configure(world, f'[backend]\nurl = "{team_backend.url}"\napi_key = "not-this-one"\n')
    install(world, client)
    window = Emacs(world, client)
    type_sample(window, LINE)
    window.wait_for_status("error")
    window.terminal.type(" and more", pause=0.1)
    world.holds(lambda: len(said(window, "backend.api_key")) == 1, "one message", 1.0)
    assert "not-this-one" not in window.state().messages
    assert not window.state().prompt


def test_8_older_server(world: World, client: str, older_backend: TeamBackend) -> None:
    """A server of an older version is said once; suggestions come all the same."""
    configure(world, f'[backend]\nurl = "{older_backend.url}"\napi_key = "{older_backend.key}"\n')
    install(world, client)
    window = Emacs(world, client)
    type_sample(window, LINE)
    assert window.ghost()
    world.wait(lambda: said(window, OLDER), "a message about the version")
    window.terminal.press("Tab")
    window.terminal.type("\nx = ")
    world.holds(lambda: len(said(window, OLDER)) == 1, "one message", 1.0)


def test_settings_in_lisp(world: World, client: str, team_backend: TeamBackend) -> None:
    """What `pilotfish-settings` holds reaches the language server; here, which model to ask for."""
    configure(world, f'[backend]\nurl = "{team_backend.url}"\napi_key = "{team_backend.key}"\n')
    install(world, client)
    with Path(world.home / ".emacs.d/init.el").open("a") as init:
        init.write('(setq pilotfish-settings \'(:backend (:model "no-such-model")))\n')
    window = Emacs(world, client)
    type_sample(window, LINE)
    world.wait(lambda: said(window, "no-such-model"), "a message about the model")
