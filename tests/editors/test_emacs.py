"""Emacs with lsp-mode and with eglot, as a user has it after the README's lines: what is typed, drawn and saved."""

import time
from collections.abc import Iterator
from pathlib import Path

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
from harness.emacs import CLIENTS, Emacs, install, visible
from harness.ghost_latency import record

PROGRESS = {"lsp-mode": "⌛ ", "eglot": "%]"}
"""How progress looks in the mode line."""
MOMENT = 1.5
"""Seconds in which a request would have left, had one been made."""


@pytest.fixture(scope="module", params=CLIENTS)
def emacs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emacs]:
    """An Emacs whose backend is ready, shared by the tests here that change nothing but files of their own."""
    with World(tmp_path_factory.mktemp("emacs")) as world:
        install(world, request.param)
        window = Emacs(world, request.param)
        window.open_sample(LINE)
        window.wait_for_status("ready")
        yield window


def suggested(emacs: Emacs, sample: EditorSample) -> str:
    """Open a sample, type, and wait for what is suggested; the buffer holds only what was typed."""
    emacs.open_sample(sample)
    emacs.terminal.type(sample.typed, pause=0.05)
    ghost = emacs.ghost()
    assert emacs.state().text == (sample.before + sample.typed + sample.after).replace("\r\n", "\n")
    return ghost


def quiet(world: World) -> int:
    """Wait until no more requests reach the backend; how many did."""
    counts = [world.completions()]

    def same() -> bool:
        time.sleep(0.7)
        counts.append(world.completions())
        return counts[-1] == counts[-2]

    world.wait(same, "requests to end")
    return counts[-1]


def undo(emacs: Emacs) -> None:
    """Undo one step, and wait for that."""
    text = emacs.state().text
    emacs.terminal.press("C-_")
    emacs.world.wait(lambda: emacs.state().text != text, "undo")


def shows_progress(window: Emacs) -> bool:
    """Whether the mode line, drawn anew, shows progress."""
    window.terminal.press("C-l")
    return window.terminal.find(PROGRESS[window.client]) is not None


@pytest.mark.parametrize("client", CLIENTS)
def test_1_first_start(world: World, client: str) -> None:
    """After the README's line, the first file starts everything; stop and start are commands, and are seen to work."""
    install(world, client)
    window = Emacs(world, client)
    window.open_sample(LINE)
    window.wait_for_status("ready")
    window.command("pilotfish-stop")
    window.wait_for_status("off")
    world.wait(lambda: not world.local_backend(), "the backend to end")
    world.wait(lambda: not shows_progress(window), "the first start's progress to go")
    window.command("pilotfish-start")
    window.wait_for_status("starting")
    window.terminal.wait_for(PROGRESS[client])
    window.wait_for_status("ready")
    assert world.local_backend()
    window.terminal.type(LINE.typed)
    assert window.ghost()


def test_2_ghost_text_and_accept(emacs: Emacs) -> None:
    """Ghost text is drawn and is not in the buffer; accepted, it is on disk, and one undo takes it back."""
    ghost = suggested(emacs, LINE)
    assert len(ghost.split()) > 1
    emacs.terminal.press("Tab")
    emacs.world.wait(
        lambda: emacs.state().before.endswith(LINE.typed + ghost), "the suggestion to be inserted"
    )
    emacs.save()
    assert emacs.world.read(LINE.name) == LINE.with_accepted(ghost)
    undo(emacs)
    assert emacs.state().text == LINE.before + LINE.typed + LINE.after


def test_2_accept_by_word_and_line(emacs: Emacs) -> None:
    """A word, then the rest of the line: each time what is left stays drawn, and the file is exactly right."""
    ghost = suggested(emacs, LOOP)
    emacs.terminal.press("M-f")
    word = next(part for part in ghost.split(" ") if part)
    emacs.world.wait(lambda: emacs.state().before.rstrip().endswith(word), "a word to be inserted")
    rest = emacs.ghost()
    inserted = emacs.state().before.removeprefix(LOOP.before + LOOP.typed)
    assert ghost == inserted + rest
    assert inserted.split() == [word]
    emacs.terminal.press("C-e")
    emacs.world.wait(
        lambda: emacs.state().before == LOOP.before + LOOP.typed + ghost, "the line to be inserted"
    )
    emacs.save()
    assert emacs.world.read(LOOP.name) == LOOP.with_accepted(ghost)


def test_2_several_suggestions(emacs: Emacs) -> None:
    """Asked for by hand there are several, some of several lines; all of the shown one is inserted."""
    first = suggested(emacs, BLOCK)
    emacs.command("pilotfish-suggest")
    seen = [first]
    for _ in range(6):
        emacs.terminal.press("M-n")
        emacs.world.wait(lambda: emacs.drawn(emacs.state()) == visible(emacs.state().ghost), "it to be drawn")
        seen.append(emacs.state().ghost)
        if len(set(seen)) > 1 and "\n" in seen[-1]:
            break
        time.sleep(0.5)
    assert len(set(seen)) > 1
    ghost = emacs.ghost()
    emacs.terminal.press("Tab")
    emacs.world.wait(
        lambda: emacs.state().before.endswith(BLOCK.typed + ghost), "the suggestion to be inserted"
    )
    emacs.save()
    assert emacs.world.read(BLOCK.name) == BLOCK.with_accepted(ghost)


def test_3_typing_through_and_against(emacs: Emacs) -> None:
    """What agrees shortens ghost text without a change on the screen; what does not removes it; undo restores."""
    ghost = suggested(emacs, LINE)
    row = emacs.row()
    for count, key in enumerate(ghost[:6], start=1):
        emacs.terminal.type(key)
        emacs.world.holds(lambda: emacs.row() == row, f"the row stands still while {key!r} is typed", 0.3)
        state = emacs.state()
        assert state.before.endswith(LINE.typed + ghost[:count])
        assert state.ghost == ghost[count:]
    emacs.terminal.type("~")
    old = ghost[6:]
    emacs.world.wait(lambda: emacs.state().before.endswith("~"), "the key")
    assert emacs.state().ghost != old
    assert not emacs.row().endswith(old)
    restored = LINE.before + LINE.after
    for _ in range(4):  # what was typed in one go is undone in one go, but how much that is depends on pauses
        if emacs.state().text != restored:
            undo(emacs)
    assert emacs.state().text == restored


@pytest.mark.parametrize("sample", [WIDE, CRLF, TABS], ids=["wide", "crlf", "tabs"])
def test_4_wide_characters_crlf_tabs(emacs: Emacs, sample: EditorSample) -> None:
    """Ghost text stands right behind the cursor, and what is saved is right to the byte."""
    ghost = suggested(emacs, sample)
    state = emacs.state()
    assert emacs.drawn(state)[0] == ghost.split("\n")[0].rstrip()
    emacs.terminal.press("Tab")
    emacs.world.wait(
        lambda: emacs.state().before.endswith(sample.typed + ghost), "the suggestion to be inserted"
    )
    emacs.save()
    assert emacs.world.read(sample.name) == sample.with_accepted(ghost)


def test_5_dismissed(emacs: Emacs) -> None:
    """A dismissed suggestion stays away until something is typed, and nothing is inserted."""
    suggested(emacs, LINE)
    emacs.quit_key()
    emacs.world.wait(lambda: not emacs.shows_ghost(), "the suggestion to go")
    emacs.world.holds(lambda: not emacs.state().ghost, "dismissed", MOMENT)
    assert emacs.state().text == LINE.before + LINE.typed + LINE.after


def test_5_switched_off(emacs: Emacs) -> None:
    """Off means that no request leaves, and on that suggestions come again."""
    suggested(emacs, LINE)
    emacs.command("pilotfish-toggle")
    emacs.terminal.wait_for("Pilotfish is off")
    assert not emacs.state().ghost
    before = quiet(emacs.world)
    emacs.open_sample(LOOP)
    emacs.terminal.type(LOOP.typed, pause=0.1)
    emacs.world.holds(lambda: emacs.world.completions() == before, "no request", MOMENT)
    assert not emacs.state().ghost
    emacs.command("pilotfish-toggle")
    emacs.terminal.wait_for("Pilotfish is on")
    emacs.terminal.press("BSpace")
    emacs.terminal.type(LOOP.typed)
    assert emacs.ghost()


def test_5_languages_and_secrets(emacs: Emacs) -> None:
    """No request leaves from a disabled language, nor from .env, whatever mode it is in."""
    other = emacs.world.home / "other"
    (other / ".git").mkdir(parents=True)
    (other / ".pilotfish.toml").write_text('[languages]\ndisabled = ["python"]\n')
    (other / LOOP.name).write_bytes(LOOP.content)
    before = quiet(emacs.world)
    emacs.visit(other / LOOP.name)
    emacs.go_to(LOOP.row + 1)
    emacs.terminal.type(LOOP.typed, pause=0.1)
    emacs.world.holds(lambda: emacs.world.completions() == before, "no request from Python", MOMENT)
    secret = emacs.world.write(".env", LOOP.content)
    emacs.terminal.press("C-x", "C-f", "C-a", "C-k")
    emacs.terminal.type(f"{secret}\n")
    emacs.command("python-mode")
    emacs.answer(secret)
    emacs.go_to(LOOP.row + 1)
    emacs.terminal.type(LOOP.typed, pause=0.1)
    emacs.world.holds(lambda: emacs.world.completions() == before, "no request from .env", MOMENT)
    assert not emacs.state().ghost


def seconds_to_ghost(emacs: Emacs, key: str) -> float:
    """Type a key behind LATENCY_BASE; how long it takes until more than that stands in the line."""
    typed = LATENCY_BASE.line + key
    start = time.monotonic()
    emacs.terminal.type(key)
    emacs.world.wait(lambda: len(emacs.row().strip()) > len(typed), f"ghost text behind {typed!r}")
    return time.monotonic() - start


def test_latency(emacs: Emacs) -> None:
    """How long it takes from a key to the drawn ghost text."""
    emacs.open_sample(LATENCY_BASE)
    seconds = []
    for key in LATENCY_KEYS:
        seconds.append(seconds_to_ghost(emacs, key))
        emacs.quit_key()
        undo(emacs)  # by which nothing is asked for
        assert emacs.state().before == LATENCY_BASE.before
    record(f"emacs {emacs.client}", seconds)


def test_documented_lines(world: World) -> None:
    """The page for Emacs shows what a user types, and what that prints."""
    page = (Path(__file__).parents[2] / "docs/editors/emacs.md").read_text("utf-8")
    for client in CLIENTS:
        assert f"pilotfish setup emacs-{client} >> ~/.emacs.d/init.el" in page
        install_lines = world.shell(f"~/.local/share/pilotfish/bin/pilotfish setup emacs-{client}")
        for line in install_lines.splitlines():
            if "load-path" not in line and "pilotfish-command" not in line:
                assert line in page


def test_completion_preview(world: World) -> None:
    """Eglot and Emacs' own preview show a suggestion's first line, by the page's lines and no Lisp of ours."""
    page = (Path(__file__).parents[2] / "docs/editors/emacs.md").read_text("utf-8")
    lines = page.split("## Without our Lisp")[1].split("```elisp\n")[1].split("```")[0]
    (world.home / ".emacs.d").mkdir()
    (world.home / ".emacs.d/init.el").write_text(lines)
    window = Emacs(world, "eglot")
    file = world.write(LINE.name, LINE.content)
    window.terminal.press("C-x", "C-f", "C-a", "C-k")
    window.terminal.type(f"{file}\n")
    world.wait(lambda: "Connected!" in window.state().messages and world.local_backend(), "the server")
    window.go_to(LINE.row + 1)
    world.wait(lambda: world.completions() > 0, "the backend to be warm")
    window.terminal.type(LINE.typed)

    def shown() -> bool:
        if window.state().ghost:
            return True
        window.terminal.press("BSpace")
        window.terminal.type(LINE.typed)
        time.sleep(1)
        return False

    world.wait(shown, "a preview")
    ghost = window.state().ghost
    window.terminal.press("Tab")
    world.wait(lambda: window.state().before.endswith(LINE.typed + ghost), "the preview to be inserted")
    window.save()
    assert world.read(LINE.name) == LINE.with_accepted(ghost)
