"""Pilotfish in a real Neovim, in its newest version and the one before: typed into by keys, read off the screen."""

import re
import statistics
import time

import pytest

from harness import ghost_latency
from harness.editor_samples import BLOCK, CRLF, LATENCY_BASE, LATENCY_KEYS, LINE, LOOP, TABS, WIDE
from harness.editor_world import World
from harness.neovim import KEYS, Neovim, as_drawn, configure, installation
from harness.neovim_rpc import GHOST
from harness.team_backend import TeamBackend

pytestmark = pytest.mark.parametrize("version", ["0.12", "0.11"])

MODEL = "smollm2-135m"
READY = f"Pilotfish ready: {MODEL}"
BLOCKS = "settings = { completion = { multiline = 'always' } },"
REST = 1.0
"""Seconds in which a request would have left, had there been one."""


def test_1_first_start(world: World, version: str) -> None:
    """A fresh user, the documented lines, a Python file, the command: progress, then ready, and a healthy report."""
    world.shell(installation())
    world.write(LINE.name, LINE.content)
    with Neovim(world, version, LINE.name) as neovim:
        neovim.command("Pilotfish start")
        said: list[str] = []

        def ready() -> bool:
            line = neovim.terminal.lines()[-1]
            if line not in said[-1:]:
                said.append(line)
            return line.startswith(f"Pilotfish: ready: {MODEL}")

        world.wait(ready, "the message that it is ready")
        assert any("starting" in line or "loading" in line for line in said), said
        assert neovim.status() == READY
        states = neovim.states()
        assert any("loading the model" in state for state in states), states
        assert world.local_backend()
        neovim.insert_at_end(LINE)
        neovim.terminal.type(LINE.typed, pause=0.03)
        assert len(neovim.wait_ghost().split()) >= 2
        neovim.command("checkhealth pilotfish")
        neovim.terminal.wait_for(f"ready: {MODEL}")
        report = "\n".join(neovim.rpc.lines())
        assert "ERROR" not in report, report
        assert "WARNING" not in report, report
        neovim.command("Pilotfish log")
        world.wait(lambda: any("listens at" in line for line in neovim.rpc.lines()), "the log")
        neovim.command("quit")
        neovim.command("Pilotfish model")
        neovim.terminal.wait_for("qwen2.5-coder-0.5b  (")
        neovim.terminal.type("1\n")
        world.wait(
            lambda: neovim.rpc.lua("return require('pilotfish.config').current.settings.backend") is not None,
            "it",
        )
        neovim.start(LOOP)


def test_2_ghost_text_and_accept(world: World, version: str) -> None:
    """Ghost text is on the screen and not in the buffer; whole, by word and by line it ends up on disk exactly."""
    configure(world, BLOCKS)
    with Neovim(world, version) as neovim:
        text = neovim.start(LINE)
        assert neovim.line() == LINE.line
        row, column = neovim.terminal.cursor()
        assert (row, column) == (LINE.row, len(LINE.line))
        shown = neovim.terminal.lines()[row : row + text.count("\n") + 1]
        assert shown == (LINE.line + text).split("\n")
        assert world.read(LINE.name) == LINE.content
        neovim.terminal.press("Tab")
        world.wait(
            lambda: "\n".join(neovim.rpc.lines()).startswith(LINE.before + LINE.typed + text), "the text"
        )
        neovim.save()
        assert world.read(LINE.name) == LINE.with_accepted(text)

        neovim.start(BLOCK)
        world.wait(lambda: neovim.ghost().count("\n") >= 2, "several lines")
        text = neovim.wait_ghost()
        start = len(BLOCK.before + BLOCK.typed)
        taken = []
        for key in (KEYS["accept_word"], KEYS["accept_word"], KEYS["accept_line"], KEYS["accept_line"]):
            before = "\n".join(neovim.rpc.lines())
            neovim.terminal.press(key)
            world.wait(lambda before=before: "\n".join(neovim.rpc.lines()) != before, key)  # type: ignore[misc]
            done = "\n".join(neovim.rpc.lines())[start:].removesuffix(BLOCK.after.removesuffix("\n"))
            taken.append(done)
            assert text.startswith(done)
            rest = text[len(done) :]
            world.wait(lambda rest=rest: neovim.ghost().startswith(rest), "the rest")  # type: ignore[misc]
        assert taken[0].split() == text.split()[:1]
        assert "\n" not in taken[1]
        assert (taken[2], taken[3]) == (text.split("\n")[0], "\n".join(text.split("\n")[:2]))
        neovim.wait_ghost()
        neovim.terminal.press("Tab")
        world.wait(lambda: not neovim.ghost().startswith(text[len(taken[-1]) :]), "the text")
        neovim.save()
        assert world.read(BLOCK.name).startswith(BLOCK.with_accepted(text).removesuffix(b"\n"))
        neovim.quit()


RECORD_FRAMES = """
local draw = ...
Frames = {}
vim.api.nvim_set_decoration_provider(vim.api.nvim_create_namespace('frames'), {
  on_win = function()
    local ghost = load(draw)()
    Frames[#Frames + 1] = { vim.api.nvim_get_current_line(), (ghost:match('^[^\\n]*')) }
  end,
})
"""
"""What the cursor's line and the ghost text in it are each time that Neovim draws its window."""


def test_3_typing_through_and_against(world: World, version: str) -> None:
    """What agrees shortens it in each single frame; what disagrees takes it away in the same frame; undo restores."""
    configure(world)
    with Neovim(world, version) as neovim:
        text = neovim.start(LINE)
        whole = LINE.line + text
        neovim.rpc.lua(RECORD_FRAMES, GHOST)
        length = min(6, len(text.split("\n")[0]) - 2)
        for number, character in enumerate(text[:length], 1):
            neovim.terminal.type(character)
            left = text[number:]
            world.wait(lambda left=left: neovim.drawn() == as_drawn(left), f"{left!r} drawn")  # type: ignore[misc]
        frames = neovim.rpc.lua("return Frames")
        assert len(frames) >= length
        for line, ghost in frames:
            assert (line + ghost).startswith(whole.split("\n")[0]), frames

        neovim.rpc.lua("Frames = {}")
        neovim.terminal.type("§")
        world.wait(lambda: neovim.line().endswith("§"), "the key")
        world.wait(lambda: neovim.rpc.lua("return #Frames > 0"), "a frame")
        stale = text[length:].split("\n")[0]
        for line, ghost in neovim.rpc.lua("return Frames"):
            assert not (line.endswith("§") and ghost == stale), (line, ghost)
        neovim.terminal.press("Escape")
        neovim.wait_gone()
        neovim.terminal.type("u")
        world.wait(lambda: "\n".join(neovim.rpc.lines()) + "\n" == LINE.before + LINE.after, "the undo")

        text = neovim.start(LOOP)
        neovim.terminal.press("Tab")
        world.wait(lambda: neovim.line() == LOOP.line + text, "the text")
        neovim.terminal.press("Escape")
        neovim.terminal.type("u")
        world.wait(lambda: neovim.line() == LOOP.line, "what was typed")
        neovim.save()
        assert world.read(LOOP.name) == LOOP.with_accepted("")
        neovim.quit()


def test_4_wide_characters_crlf_tabs(world: World, version: str) -> None:
    """Behind an emoji and CJK, in a CRLF file and behind tabs it is drawn at the cursor and inserted exactly."""
    configure(world, BLOCKS)
    with Neovim(world, version) as neovim:
        for sample in (WIDE, CRLF, TABS):
            neovim.start(sample)
            if sample is CRLF:
                world.wait(lambda: "\n" in neovim.ghost(), "a second line")
            text = neovim.wait_ghost()
            row, column = neovim.terminal.cursor()
            first = as_drawn(text).split("\n")[0]
            drawn = "".join(cell.text for cell in neovim.terminal.cells()[row][column:]).rstrip()
            assert drawn == first, sample.name
            neovim.terminal.press("Tab")
            world.wait(lambda: not neovim.ghost().startswith(text), "the text")  # noqa: B023
            accepted = "\n".join(neovim.rpc.lines()[sample.row :])
            assert accepted.expandtabs(4) in (sample.line + text + sample.after).expandtabs(4)
            neovim.save()
            expected = sample.with_accepted(
                accepted[len(sample.line) :].removesuffix(sample.after.strip("\r\n")).rstrip("\n")
            )
            assert world.read(sample.name) == expected
        neovim.quit()


def test_5_silence(world: World, version: str) -> None:
    """Dismissed it stays away; switched off, in a language that is excluded and in `.env` no request leaves."""
    configure(world, "settings = { languages = { disabled = { 'markdown' } } },")
    with Neovim(world, version) as neovim:
        neovim.start(LINE)
        neovim.terminal.press(KEYS["dismiss"])
        neovim.wait_gone()
        world.holds(lambda: not neovim.drawn(), "nothing is drawn", REST)

        def silent(what: str) -> None:
            before = world.completions()
            neovim.terminal.type("def main(): return ", pause=0.01)
            world.holds(lambda: not neovim.drawn(), f"nothing is drawn {what}", REST)
            assert world.completions() == before, what

        neovim.command("Pilotfish toggle")
        world.wait(lambda: neovim.status().startswith("Pilotfish off"), "off")
        neovim.command("edit off.py")
        neovim.terminal.type("i")
        silent("while it is switched off")
        neovim.command("Pilotfish toggle")
        world.wait(lambda: neovim.status() == READY, "on")
        for name in ("notes.md", ".env"):
            world.write(name, "A=1\n")
            neovim.command(f"edit {name}")
            neovim.terminal.type("Go")
            silent(name)
        neovim.start(LOOP)
        neovim.quit()


def test_6_killed_backend(world: World, version: str) -> None:
    """Killed under the typist's hands it costs no key and no dialog; the status says so; then there is text again."""
    configure(world)
    with Neovim(world, version) as neovim:
        neovim.start(LINE)
        neovim.command("edit other.py")
        neovim.terminal.type("i")
        typed, slowest = "", 0.0
        for number, character in enumerate("value = first + second + third + fourth"):
            if number == 8:
                world.kill_backend()
            neovim.terminal.type(character)
            typed += character
            start = time.monotonic()
            world.wait(lambda typed=typed: neovim.line() == typed, typed)  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - start)
        assert slowest < 2, f"a key took {slowest:.1f} s"
        assert neovim.mode() == "i"
        world.wait(lambda: states_after(neovim, READY), "a status that tells of it")
        neovim.command("Pilotfish restart")
        world.wait(lambda: neovim.status() == READY, "the new backend", 60)
        neovim.start(LOOP)
        messages = [line for line in neovim.rpc.messages().splitlines() if "Pilotfish" in line]
        assert len(messages) <= 1, messages
        neovim.quit()


def states_after(neovim: Neovim, state: str) -> list[str]:
    """What the status line has said since it said that first, beside it and that it works."""
    states = neovim.states()
    since = states[states.index(state) :] if state in states else []
    return [said for said in since if not said.startswith(("Pilotfish ready", "Pilotfish working"))]


def test_7_windows_share_and_nothing_is_left(world: World, version: str) -> None:
    """Two windows have one backend, which ends idle after both; one that is stopped by the command ends at once."""
    configure(world, "settings = { backend = { idle_timeout = 10 } },")
    with Neovim(world, version) as first, Neovim(world, version) as second:
        first.start(LINE)
        backend = world.local_backend()
        assert backend
        second.start(LOOP)
        now = world.local_backend()
        assert now
        assert now.pid == backend.pid
        assert sum(process.is_backend for process in world.processes()) == 1
        assert sum(process.is_language_server for process in world.processes()) == 2
        first.quit()
        second.quit()
    world.wait(
        lambda: not any(process.is_language_server for process in world.processes()), "the servers' end"
    )
    assert world.local_backend()
    world.wait(lambda: not world.processes(), "the backend's end by itself", 40)
    with Neovim(world, version) as third:
        third.start(LINE)
        third.command("Pilotfish stop")
        world.wait(lambda: not any(process.is_backend for process in world.processes()), "the backend's end")
        world.wait(lambda: third.status().startswith("Pilotfish off"), "off")
        third.quit()
    world.wait(lambda: not world.processes(), "nothing left")


def remote(url: str, key: str) -> str:
    """Options for a team's backend."""
    return f"settings = {{ backend = {{ url = '{url}', api_key = '{key}' }} }},"


def told(neovim: Neovim) -> list[str]:
    """What was told the user, a line each."""
    return [line for line in neovim.rpc.messages().splitlines() if line.startswith("Pilotfish")]


def test_8_team_backend(world: World, version: str, team_backend: TeamBackend) -> None:
    """With URL and key suggestions come from the team's backend, and none is started here."""
    configure(world, remote(team_backend.url, team_backend.key))
    before = team_backend.completions()
    with Neovim(world, version) as neovim:
        text = neovim.start(LINE)
        neovim.terminal.press("Tab")
        world.wait(lambda: LINE.line + text.split("\n")[0] in neovim.rpc.lines(), "the text")
        assert team_backend.completions() > before
        assert world.local_backend() is None
        assert told(neovim) == []
        neovim.quit()


def test_8_wrong_key(world: World, version: str, team_backend: TeamBackend) -> None:
    """A wrong key is one message that names the setting, however long one types, and the status says it too."""
    configure(world, remote(team_backend.url, "wrong-key"))
    with Neovim(world, version) as neovim:
        neovim.command("edit a.py")
        neovim.terminal.type("i")
        neovim.terminal.type("for i in range(10): print(i)", pause=0.03)
        world.wait(lambda: neovim.status().startswith("Pilotfish error"), "the error")
        neovim.terminal.type(" and more", pause=0.03)
        world.holds(lambda: neovim.mode() == "i", "insert mode", REST)
        messages = told(neovim)
        assert len(messages) == 1, messages
        assert "api_key" in neovim.rpc.lua("return require('pilotfish.messages').last")
        assert "wrong-key" not in world.report()
        neovim.quit()


def test_8_older_version(world: World, version: str, older_backend: TeamBackend) -> None:
    """A backend of an older version is one clear message, and works as far as it can."""
    configure(world, remote(older_backend.url, older_backend.key))
    with Neovim(world, version) as neovim:
        neovim.start(LINE)
        messages = told(neovim)
        assert len(messages) == 1, messages
        corner = " ".join(re.findall("│(.*?)│", neovim.terminal.text()))
        assert "Pilotfish 0.0.1, older than this language server" in " ".join(corner.split())
        neovim.quit()


def test_latency(world: World, version: str) -> None:
    """Twenty times from a key to its ghost text on the screen; printed, not judged."""
    configure(world)
    world.write(LATENCY_BASE.name, LATENCY_BASE.content)
    with Neovim(world, version, LATENCY_BASE.name) as neovim:
        neovim.wait_ready()
        neovim.insert_at_end(LATENCY_BASE)
        times = []
        for key in LATENCY_KEYS:
            neovim.wait_gone()
            start = time.monotonic()
            neovim.terminal.type(key)
            world.wait(neovim.drawn, f"ghost text after {key}")
            times.append(time.monotonic() - start)
            neovim.terminal.press("BSpace")
        ghost_latency.record(f"neovim {version}", times)
        assert statistics.median(times) > 0
        neovim.quit()
