"""Helix and the backends behind it: killed, shared by windows, stopped, a team's, and what Helix says of them."""

import time

from harness.editor_samples import LINE, LOOP, TWO_PLACES
from harness.editor_world import World
from harness.helix import Helix, set_up
from harness.team_backend import TeamBackend

MOMENT = 2.0
"""Seconds in which a second message would have come."""


def messages(window: Helix, seconds: float = MOMENT) -> list[str]:
    """The different messages that are drawn in the last row for so long, in order; what the user types is none."""
    seen = [""]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if window.message != seen[-1]:
            seen.append(window.message)
        time.sleep(0.02)
    return [message for message in seen if message]


def remote(team: TeamBackend, key: str) -> tuple[str, ...]:
    """The user's settings for a team's backend."""
    return ("[backend]", f'url = "{team.url}"', f'api_key = "{key}"')


def test_6_killed_backend(world: World) -> None:
    """Keys are drawn as before while the backend is killed, few words are made of it, and it comes back by itself."""
    set_up(world)
    window = Helix(world, LINE)
    window.wait_for_status("ready")
    window.type_sample(LINE)
    killed = world.kill_backend()
    drawn = LINE.line
    slowest = 0.0
    for key in " count_of_all":
        pressed = time.monotonic()
        window.terminal.type(key)
        drawn += key
        window.wait_for_beginning(LINE.row, drawn.rstrip())
        slowest = max(slowest, time.monotonic() - pressed)
    assert slowest < 5, "a key is drawn at once, a busy machine allowed for"
    told = [message for message in messages(window) if not message.startswith("pilotfish: ")]
    assert len(told) <= 1
    world.wait(lambda: (now := world.local_backend()) and now.pid != killed, "another backend")
    window.wait_for_status("ready")
    window.normal()
    window.terminal.type("u")
    assert window.type_sample(LINE)
    window.run("backend.restart")
    window.wait_for_status("ready")
    window.terminal.type("u")
    assert window.type_sample(LINE)


def test_6_b_nothing_to_start_again(world: World) -> None:
    """Where no backend can be started, the status says so, once; typing goes on."""
    world.env["PILOTFISH_BACKEND_AUTOSTART"] = "false"
    set_up(world)
    window = Helix(world, LINE)
    window.wait_for_status("off")
    window.append(LINE)
    window.terminal.type(LINE.typed)
    assert messages(window, 1.0) == []
    window.wait_for_row(LINE.row, LINE.line)


def test_7_windows_share_and_nothing_is_left(world: World) -> None:
    """Two windows have one backend, which outlives both for its idle time; the stop command ends it for all."""
    world.env["PILOTFISH_BACKEND_IDLE_TIMEOUT"] = "10"
    set_up(world)
    windows = [Helix(world, sample) for sample in TWO_PLACES]
    for window, sample in zip(windows, TWO_PLACES, strict=True):
        window.wait_for_status("ready")
        assert window.type_sample(sample)
    backends = [process for process in world.processes() if process.is_backend]
    assert len(backends) == 1
    for window in windows:
        window.quit()
    world.wait(
        lambda: not any(one.is_language_server for one in world.processes()), "the language servers' end"
    )
    assert world.local_backend() is not None
    world.wait(lambda: world.local_backend() is None, "the backend's idle end", seconds=60)
    world.wait(lambda: not world.processes(without=["hx"]), "the end of all processes")
    window = Helix(world, LINE)
    window.wait_for_status("ready")
    window.run("backend.stop")
    world.wait(lambda: world.local_backend() is None, "the backend's end")
    window.quit()
    world.wait(lambda: world.processes() == [], "the end of all processes")


def test_8_team_backend(world: World, team_backend: TeamBackend) -> None:
    """With a team's address and key in the user's settings ghost text comes from there, and nothing runs here."""
    before = team_backend.completions()
    set_up(world, *remote(team_backend, team_backend.key))
    window = Helix(world, LINE)
    assert "remote backend" in window.wait_for_status("ready")
    ghost = window.type_sample(LINE)
    assert team_backend.completions() > before
    assert world.local_backend() is None
    window.accept()
    window.wait_for_row(LINE.row, LINE.line + ghost)
    window.save(LINE.with_accepted(ghost))


def test_8_b_wrong_key(world: World, team_backend: TeamBackend) -> None:
    """One message names the setting, also after more typing; and never the key."""
    set_up(world, *remote(team_backend, "not-the-key"))
    window = Helix(world, LINE)
    window.terminal.wait_for("backend.api_key")
    window.append(LINE)
    window.terminal.type(LINE.typed + " not", pause=0.1)
    assert messages(window) == []
    assert window.ghost(LINE.row, f"{LINE.line} not") == ""
    assert "refuses the API key" in window.wait_for_status("error")
    assert "not-the-key" not in window.terminal.text()


def test_8_c_older_backend(world: World, older_backend: TeamBackend) -> None:
    """One message has both versions; ghost text comes all the same."""
    set_up(world, *remote(older_backend, older_backend.key))
    window = Helix(world, LOOP)
    window.terminal.wait_for("0.0.1")
    assert window.type_sample(LOOP)
    assert [message for message in messages(window) if "0.0.1" in message] == []
