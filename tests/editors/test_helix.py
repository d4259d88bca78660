"""Helix as a user has it after the README's lines, typed into: what is drawn, what is inserted, what is saved.

Its ghost text is an inlay hint. Helix draws it in front of the cursor and asks for it when no key was pressed for
`idle-timeout`; until then a hint that was shown stands behind what is typed.
"""

import random
import time
from dataclasses import replace

import pytest

from harness.editor_samples import (
    BLOCK,
    CRLF,
    LATENCY_BASE,
    LATENCY_KEYS,
    LINE,
    LOOP,
    TABS,
    WIDE,
    EditorSample,
)
from harness.editor_world import World
from harness.ghost_latency import record
from harness.helix import Helix, set_up

MOMENT = 1.5
"""Seconds in which a request would have left, had one been made."""
ENV = EditorSample(".env", "PORT=80\nHOST=localhost\nMAIL_", "HOST=")


def opened(world: World, sample: EditorSample, *settings: str) -> Helix:
    """A window of Helix, with a backend that is ready."""
    set_up(world, *settings)
    window = Helix(world, sample)
    window.wait_for_status("ready")
    return window


def test_1_first_start(world: World) -> None:
    """After the README's lines the first file starts everything; stop and start are commands, and are seen to work."""
    set_up(world)
    window = Helix(world, LINE)
    window.terminal.wait_for("pilotfish: Pilotfish: starting")
    assert "smollm2" in window.wait_for_status("ready").lower()
    window.run("backend.stop")
    world.wait(lambda: world.local_backend() is None, "the backend's end")
    window.wait_for_status("off")
    window.run("backend.start")
    window.terminal.wait_for("pilotfish: Pilotfish: starting")
    window.wait_for_status("ready")
    assert world.local_backend() is not None


def test_2_ghost_text_and_accept(world: World) -> None:
    """Ghost text is drawn and not in the file; the accept key puts just that into it."""
    window = opened(world, LINE)
    ghost = window.type_sample(LINE)
    assert len(ghost.split()) > 1
    window.save(LINE.with_accepted(""))
    assert window.ghost(LINE.row, LINE.line) == ghost
    window.terminal.type("A")
    window.accept()
    window.wait_for_row(LINE.row, LINE.line + ghost)
    window.save(LINE.with_accepted(ghost))


def test_2_b_accept_word_and_rest(world: World) -> None:
    """The next word is inserted, what is left stays ghost text, and can be accepted in its turn."""
    window = opened(world, LINE)
    ghost = window.type_sample(LINE)
    first = ghost[: len(ghost) - len(ghost.lstrip())] + ghost.split()[0]
    window.accept("M-w")
    rest = ghost[len(first) :]
    world.wait(lambda: window.ghost(LINE.row, LINE.line + first) == rest, f"ghost text {rest!r}")
    window.accept("M-w")
    window.accept()
    window.wait_for_row(LINE.row, LINE.line + ghost)
    window.save(LINE.with_accepted(ghost))


def test_2_c_accept_several_lines(world: World) -> None:
    """Of several lines the first is drawn, with a sign that there are more; a line at a time, and then the rest."""
    window = opened(world, BLOCK, "[completion]", 'multiline = "always"')
    ghost = window.type_sample(BLOCK)
    assert ghost.endswith(" …")
    first = ghost.removesuffix(" …")
    window.accept("M-l")
    world.wait(lambda: window.ghost(BLOCK.row, BLOCK.line + first) == " …", "ghost text of the other lines")
    window.accept("M-l")
    world.wait(lambda: window.row(BLOCK.row + 1), "the second line")
    window.accept()
    world.wait(lambda: window.row(BLOCK.row + 2), "the rest")
    world.wait(lambda: "…" not in window.terminal.text(), "an end of ghost text")
    window.normal()
    lines = [window.row(row) for row in range(BLOCK.row, BLOCK.row + 15)]
    block = "\n".join(lines[: lines.index("")])
    assert block.startswith(BLOCK.line + first + "\n")
    window.save((BLOCK.before.rpartition("\n")[0] + "\n" + block + "\n").encode())


def test_2_d_menu_with_preview(world: World) -> None:
    """The menu has the same; choosing it shows it in the text, and not a second time beside it; Enter keeps it."""
    window = opened(world, LINE)
    ghost = window.type_sample(LINE)
    window.terminal.press("C-x")
    window.terminal.wait_for(f"{LINE.line}{ghost} text")
    window.terminal.press("C-n")
    window.terminal.wait_for("Pilotfish")
    window.wait_for_row(LINE.row, LINE.line + ghost)
    assert world.read(LINE.name) == LINE.content
    window.terminal.press("Enter")
    window.save(LINE.with_accepted(ghost))


def test_3_typing_through_and_against(world: World) -> None:
    """Typed through, ghost text shrinks and does not go away; typed against, it goes; undo restores the file."""
    window = opened(world, LINE)
    ghost = window.type_sample(LINE)
    seen: set[int] = set()

    def shrunk(typed: int) -> bool:
        seen.add(len(window.row(LINE.row)) - len(LINE.line) - typed)
        return window.ghost(LINE.row, LINE.line + ghost[:typed]) == ghost[typed:]

    for typed in range(1, 7):
        window.terminal.type(ghost[typed - 1])
        world.wait(lambda: shrunk(typed), f"ghost text without its first {typed} characters")  # noqa: B023  # called here
    # Until Helix asks again, the old hint stands behind what was typed. At no time is there none.
    assert min(seen) > 0
    window.terminal.type("zq")
    rest = ghost[6:]
    world.wait(lambda: rest not in window.row(LINE.row), "the old ghost text to go")
    window.normal()
    window.terminal.type("u")
    window.wait_for_row(LINE.row, LINE.before.rpartition("\n")[2])
    window.save(LINE.content)


def test_3_b_a_hint_after_every_pause(world: World) -> None:
    """However the keys fall, ghost text comes when they end: Helix must not be kept from asking again."""
    window = opened(world, LOOP)
    window.append(LOOP)
    fixed = random.Random(7)
    for _ in range(20):
        for key in "jklmj":
            window.terminal.type(key)
            time.sleep(fixed.uniform(0.02, 0.15))
        window.wait_for_ghost(LOOP.row, LOOP.line + "klmj")
        for _ in range(5):
            window.terminal.press("BSpace")
        world.wait(lambda: window.row(LOOP.row) == LOOP.before.rpartition("\n")[2].rstrip(), "an empty place")


@pytest.mark.parametrize("sample", [WIDE, CRLF, TABS], ids=["wide", "crlf", "tabs"])
def test_4_wide_characters_crlf_tabs(world: World, sample: EditorSample) -> None:
    """Ghost text stands right behind the text, and what is accepted goes there, with the file's own line ends."""
    window = opened(world, sample)
    ghost = window.type_sample(sample)
    window.accept()
    window.wait_for_row(sample.row, sample.line + ghost)
    window.save(sample.with_accepted(ghost))


def requests_while_typing(window: Helix, sample: EditorSample) -> int:
    """How many requests reach the backend while a sample is typed at its place, and a moment after."""
    before = window.world.completions()
    window.append(sample)
    window.terminal.type(sample.typed, pause=0.05)
    time.sleep(MOMENT)
    assert window.ghost(sample.row, sample.line) == ""
    return window.world.completions() - before


def test_5_silence(world: World) -> None:
    """Leaving the insert mode closes the menu and inserts nothing; switched off, no request leaves; and on again."""
    window = opened(world, LINE)
    window.type_sample(LINE)
    window.normal()
    window.save(LINE.with_accepted(""))
    window.terminal.type("u")
    window.wait_for_row(LINE.row, LINE.before.rpartition("\n")[2])
    window.says("toggle", "Pilotfish is off")
    assert requests_while_typing(window, LINE) == 0
    window.normal()
    window.terminal.type("u")
    window.says("toggle", "Pilotfish is ready")
    assert window.type_sample(LINE)


def test_5_b_excluded_language(world: World) -> None:
    """In a language that the user has excluded no request leaves."""
    window = opened(world, LINE, "[languages]", 'disabled = ["python"]')
    assert requests_while_typing(window, LINE) == 0


def test_5_c_secrets(world: World) -> None:
    """In `.env` no request leaves, although Helix has been told to use Pilotfish for such files."""
    set_up(world)
    with (world.home / ".config/helix/languages.toml").open("a") as languages:
        languages.write('[[language]]\nname = "env"\nlanguage-servers = ["pilotfish"]\n')
    window = Helix(world, ENV)
    window.wait_for_status("ready")
    assert requests_while_typing(window, ENV) == 0


def test_latency(world: World) -> None:
    """Times from the last key to drawn ghost text; printed, not judged."""
    window = opened(world, LATENCY_BASE)
    window.append(LATENCY_BASE)
    times = []
    for key in LATENCY_KEYS:
        sample = replace(LATENCY_BASE, typed=key)
        pressed = time.monotonic()
        window.terminal.type(key)
        window.wait_for_ghost(sample.row, sample.line)
        times.append(time.monotonic() - pressed)
        window.terminal.press("BSpace")
        window.wait_for_row(sample.row, LATENCY_BASE.line)
        time.sleep(0.2)
    record("helix 25.07", times)
