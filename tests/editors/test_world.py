"""The user that the tests of editors start from: what is there, what is found, and that it all ends."""

import subprocess
from pathlib import Path

import pytest

from harness.editor_world import World

LANGUAGE_SERVER = "exec ~/.local/share/pilotfish/bin/pilotfish"


def test_has_what_install_gives_and_no_more(world: World) -> None:
    """The programs are at the README's place and not on PATH; the home has no settings of any editor."""
    assert world.shell("~/.local/share/pilotfish/bin/pilotfish --version").strip()
    with pytest.raises(AssertionError, match="exit 127"):
        world.shell("pilotfish --version")
    assert list((world.home / ".config").iterdir()) == []


def test_local_backend_is_found_counted_and_killed(world: World) -> None:
    """A backend with the real model is known by its state file, its requests count, and it can be killed."""
    world.write("a.py", "def add(a, b):\n    return ")
    assert world.local_backend() is None
    assert world.completions() == 0
    world.shell("~/.local/share/pilotfish/bin/pilotfish complete ../project/a.py:2:12 || [ $? = 3 ]")
    backend = world.local_backend()
    assert backend
    assert world.completions() >= 1
    assert backend.key not in repr(backend)
    assert world.kill_backend() == backend.pid
    world.wait(lambda: world.local_backend() is None, "the backend's end")


def test_refuses_a_language_server_that_is_left(tmp_path: Path) -> None:
    """A process is found by what it inherited, under its script's name; left behind it is a failure, and is ended."""
    with World(tmp_path) as world:
        argv = ["/bin/sh", "-c", LANGUAGE_SERVER]
        with subprocess.Popen(argv, env=world.env, stdin=subprocess.PIPE) as left:
            world.wait(lambda: any(one.is_language_server for one in world.processes()), "a language server")
            with pytest.raises(AssertionError, match="left after the editors had ended: pilotfish"):
                world.close(leaving=0.2)
            assert left.wait(5) is not None
        assert world.processes() == []


def test_waits_with_a_deadline_and_says_what_there_is_to_see(world: World) -> None:
    """The message of a wait in vain shows the screen."""
    terminal = world.terminal(["/bin/sh"])
    terminal.type("echo on-the-screen\n")
    terminal.wait_for(lambda: terminal.text().count("on-the-screen") == 2)
    with pytest.raises(AssertionError, match=r"waited 0\.1 s for the moon(?s:.*)on-the-screen"):
        world.wait(lambda: False, "the moon", seconds=0.1)
