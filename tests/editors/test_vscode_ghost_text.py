"""Ghost text in Visual Studio Code: drawn, accepted, typed through, dismissed; in a window that is ready."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.editor_samples import BLOCK, CRLF, LATENCY_BASE, LATENCY_KEYS, LINE, TABS, WIDE, EditorSample
from harness.editor_world import World
from harness.ghost_latency import record
from harness.vscode import Seen, Window
from harness.vscode_fixtures import READY, browser, desk, version, vsix, window

__all__ = ["browser", "desk", "version", "vsix", "window"]

AWHILE = 1.5
"""Seconds for which something is watched that must not happen."""
ASK = "Alt+\\"
ACCEPT_WORD = "Control+ArrowRight"
ACCEPT_LINE = "Control+ArrowDown"
NEXT = "Alt+]"
TOGGLE = "Pilotfish: Turn Completions On or Off"


def typed(window: Window, sample: EditorSample) -> Seen:
    """Open a sample, type, and wait for ghost text."""
    window.begin(sample)
    window.type(sample.typed)
    seen = window.wait_ghost()
    assert seen.typed == sample.line.expandtabs(4)
    return seen


def asked(window: Window, sample: EditorSample) -> Seen:
    """Open a sample in which all is typed, ask by hand, and wait for a suggestion of several lines."""
    window.begin(replace(sample, before=sample.before + sample.typed))
    window.press(ASK)
    window.wait(lambda: window.seen().below, "a suggestion of several lines")
    return window.wait_ghost()


def changed(window: Window, typed: str) -> Seen:
    """Wait until something else than this is typed in the cursor's line."""
    window.wait(lambda: window.seen().typed != typed, "a key to take effect")
    return window.seen()


def quiet_count(world: World) -> int:
    """How many completion requests there were, once there are no more for half a second."""
    counts = [-1, world.completions()]
    while counts[-1] != counts[-2]:
        time.sleep(0.5)
        counts.append(world.completions())
    return counts[-1]


def silent(window: Window, before: int) -> None:
    """Nothing is drawn for a while, and no request leaves."""
    world = window.world
    world.holds(lambda: not window.seen().ghost and world.completions() == before, "silence", AWHILE)


def test_2_ghost_text_and_accept_whole(window: Window) -> None:
    """What is drawn in grey is not in the document; Tab puts exactly that there, and the saved file has it."""
    shown = typed(window, LINE)
    assert window.ghost_is_visible()
    assert window.saved() == LINE.with_accepted("")
    assert window.seen().suggestion == shown.suggestion, "saving took the suggestion away"
    window.press("Tab")
    window.wait(lambda: window.seen().typed == shown.line, "the accepted line")
    assert window.saved() == LINE.with_accepted(shown.suggestion)


def test_2_ghost_text_and_accept_by_word(window: Window) -> None:
    """Ctrl+Right takes one word after the other; the rest stays drawn."""
    shown = typed(window, LINE)
    before = shown.typed
    for _ in range(2):
        window.press(ACCEPT_WORD)
        now = changed(window, before)
        assert now.line.startswith(shown.line)
        assert now.typed.startswith(before)
        assert len(now.typed.removeprefix(before).split()) <= 1, f"more than a word: {now}"
        before = now.typed
    assert before != shown.line, "all of it was accepted"
    assert window.saved() == LINE.with_accepted(before.removeprefix(shown.typed))


def test_2_ghost_text_and_accept_by_line(window: Window) -> None:
    """Ctrl+Down takes the first line of several; the next one stays drawn."""
    shown = asked(window, BLOCK)
    window.press(ACCEPT_LINE)
    now = changed(window, shown.typed)
    assert (now.line, *now.below) == shown.below
    # The line's end is part of the line: the cursor stands where the next one begins.
    assert (now.typed, now.ghost) == ("", shown.below[0])
    assert window.saved() == BLOCK.with_accepted(shown.ghost + "\n")


def test_2_ghost_text_asked_for_by_hand_has_alternatives(window: Window) -> None:
    """Asked by hand there are several; the key for the next one goes round them, and the one shown is accepted."""
    first = asked(window, BLOCK)
    shown = [first.suggestion]
    for _ in range(3):
        window.press(NEXT)
        window.wait(lambda: window.seen().suggestion != shown[-1], "the next suggestion")
        shown.append(window.wait_ghost().suggestion)
    count = shown.index(first.suggestion, 1)
    assert 2 <= count <= 3, f"not two or three suggestions in a circle: {shown}"
    assert len(set(shown[:count])) == count
    window.press("Tab")
    changed(window, first.typed)
    assert window.saved() == BLOCK.with_accepted(shown[-1])


def test_3_typing_through_and_against(window: Window) -> None:
    """Typed along, the suggestion shrinks in every drawn frame; typed against, it goes; undo brings back what was."""
    shown = typed(window, LINE)
    along = shown.ghost[:8]
    window.forget()
    window.type(along)
    window.wait(lambda: window.seen().typed == shown.typed + along, "what was typed")
    frames = window.frames()
    assert len({frame.typed for frame in frames}) == len(along) + 1, "a key was not drawn by itself"
    for frame in frames:
        assert frame.line.startswith(shown.line), f"it flickered: {frame}"
    window.forget()
    window.type("§")
    window.wait(lambda: "§" in window.seen().typed, "what was typed against it")
    for frame in window.frames():
        if "§" in frame.typed:
            assert shown.ghost[8:] not in frame.line, f"it was still drawn: {frame}"
    window.press("Control+z")
    window.wait(lambda: "§" not in window.seen().typed, "undo")
    kept = window.seen().typed
    assert shown.line.startswith(kept)
    assert window.saved() == LINE.with_accepted(kept.removeprefix(shown.typed))


def test_3_undo_takes_back_what_was_accepted(window: Window) -> None:
    """One undo after accepting restores the document as it was."""
    shown = typed(window, LINE)
    window.press("Tab")
    window.wait(lambda: window.seen().typed == shown.line, "the accepted line")
    window.press("Control+z")
    window.wait(lambda: window.seen().typed == shown.typed, "undo")
    assert window.saved() == LINE.with_accepted("")


def test_4_wide_characters(window: Window) -> None:
    """With an emoji and Chinese before the cursor in its line, text lands where it was drawn."""
    shown = typed(window, WIDE)
    window.press("Tab")
    window.wait(lambda: window.seen().typed == shown.line, "the accepted line")
    assert window.saved() == WIDE.with_accepted(shown.suggestion)


@pytest.mark.parametrize("sample", [CRLF, TABS], ids=["crlf", "tabs"])
def test_4_line_ends_and_tabs(window: Window, sample: EditorSample) -> None:
    """A line is accepted in a file that ends its lines as Windows does, and behind a tab."""
    shown = typed(window, sample)
    window.press("Tab")
    window.wait(lambda: window.seen().typed == shown.line, "the accepted line")
    assert window.saved() == sample.with_accepted(shown.suggestion)


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_4_several_lines_with_tabs(window: Window, newline: str) -> None:
    """Several accepted lines take over the file's tabs and its line ends."""
    tabbed = replace(BLOCK, before=BLOCK.before.replace("    ", "\t"))
    sample = tabbed.with_crlf() if newline == "\r\n" else tabbed
    shown = asked(window, sample)
    window.press("Tab")
    window.wait(lambda: window.seen().typed.startswith(shown.below[-1]), "the accepted lines")
    saved = window.saved().decode()
    assert saved.replace(newline, "").count("\n") == 0, f"mixed line ends: {saved!r}"
    inserted = saved.removeprefix(sample.before + sample.typed).removesuffix(sample.after)
    lines = inserted.split(newline)
    assert not any(line.startswith(" ") for line in lines[1:]), f"indented by spaces: {lines}"
    assert "\n".join(line.expandtabs(4) for line in lines) == shown.suggestion


def test_5_silence_after_escape(window: Window) -> None:
    """Escape takes the suggestion away, and it stays away until something is typed."""
    typed(window, LINE)
    window.press("Escape")
    window.wait_no_ghost()
    window.world.holds(lambda: not window.seen().ghost, "no ghost text after Escape", AWHILE)
    assert window.saved() == LINE.with_accepted("")


def test_5_silence_when_toggled_off(window: Window, switched: str) -> None:
    """Switched off by its command, nothing is shown and no request leaves; switched on, it is back."""
    window.begin(LINE)
    window.command(switched)
    window.wait_status(r": off( for python)?$")
    before = quiet_count(window.world)
    window.type(LINE.typed)
    silent(window, before)
    window.press(ASK)
    silent(window, before)
    window.command(switched)
    window.wait_status(READY)
    window.press("Backspace")
    window.type(LINE.typed)
    window.wait_ghost()


@pytest.fixture(params=[TOGGLE, f"{TOGGLE} for This Language"], ids=["everywhere", "language"])
def switched(request: pytest.FixtureRequest, window: Window) -> Iterator[str]:
    """The command that switches completions off, everywhere or for Python; afterwards they are on again."""
    title: str = request.param
    yield title
    if "off" in window.seen().status:
        window.command(title)
        window.wait_status(READY)


def test_5_silence_in_secrets(window: Window) -> None:
    """Nothing of a .env is ever sent, and nothing suggested in it."""
    before = quiet_count(window.world)
    window.begin(EditorSample(".env", "DATABASE_HOST=localhost\nDATABASE_PORT=5432\n", ""))
    window.type("DATABASE_")
    silent(window, before)
    window.press(ASK)
    silent(window, before)


def test_latency(window: Window, version: str) -> None:
    """How long it takes from a key to the ghost text that it brings, as drawn; twenty times."""
    window.begin(LATENCY_BASE)
    times = []
    for key in LATENCY_KEYS:
        window.forget()
        window.type(key)
        window.wait(lambda: any(frame.ghost for frame in window.frames()), "ghost text")
        shown = next(frame for frame in window.frames() if frame.ghost)
        times.append(shown.time - shown.key)
        window.press("Backspace")
        window.wait_no_ghost()
    record(f"vscode {version}", times)
    assert len(times) == 20
