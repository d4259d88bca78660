"""A real Emacs in a real terminal, typed into by keys.

What it draws is read from the terminal; what it holds it writes down when it gets a signal, see `emacs_probe.el`.
"""

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.editor_samples import EditorSample
from harness.editor_world import World
from harness.installed_editors import editor
from harness.terminal_cells import Cell

PROBE = Path(__file__).with_name("emacs_probe.el")
CLIENTS = ("lsp-mode", "eglot")
INSTALL = "~/.local/share/pilotfish/bin/pilotfish setup emacs-{client} >> ~/.emacs.d/init.el"
"""What the README has a user type; a user of Emacs has that folder."""
QUESTION = "Select action:"
"""Which lsp-mode asks once for each project; i imports it."""
DEADLINE = 30.0
GREY = {"#7f7f7f", "#b3b3b3", "244", "249"}
"""Colours of the face `shadow`, which ghost text has, on a light and on a dark terminal."""


@dataclass(frozen=True, slots=True)
class State:
    """What Emacs says of the current buffer and of the language server."""

    count: int
    pid: int
    file: str
    before: str
    """The buffer's text up to point."""
    after: str
    """The buffer's text from point on."""
    ghost: str
    """What is drawn behind point without being in the buffer."""
    status: str
    """off, starting, ready, working or error."""
    reason: str
    enabled: bool
    """Whether suggestions are switched on in the buffer."""
    prompt: bool
    """Whether Emacs waits for an answer to a question."""
    messages: str
    """All that was said in the echo area."""

    @property
    def text(self) -> str:
        """The buffer's text; lines end in a line feed, whatever the file has."""
        return self.before + self.after


def install(world: World, client: str) -> None:
    """Do what the README says."""
    (world.home / ".emacs.d").mkdir()
    world.shell(INSTALL.format(client=client))


class Emacs:
    """One window of Emacs. ``client`` is what the lines of `pilotfish setup` in the home's init.el are for."""

    def __init__(self, world: World, client: str, file: Path | None = None, *, columns: int = 140) -> None:
        self.world = world
        self.client = client
        self._imported: set[Path] = set()
        self._state = world.home / f"emacs-{time.monotonic_ns()}.json"
        probe = ["--eval", f'(setq emacs-probe-file "{self._state}")', "--load", str(PROBE)]
        files = [str(file)] if file else []
        self.terminal = world.terminal(
            [editor("emacs", "emacs"), "--no-window-system", *probe, *files], columns=columns
        )
        world.wait(self._state.exists, "Emacs to have started")
        self.pid = self._read().pid

    def state(self) -> State:
        """Ask Emacs; it answers while it waits for a key, also in the middle of a question."""
        before = self._read().count
        asked = 0.0

        def answered() -> bool:
            nonlocal asked
            if time.monotonic() > asked + 1:
                os.kill(self.pid, signal.SIGUSR1)
                asked = time.monotonic()
            return self._read().count > before

        self.world.wait(answered, "Emacs to answer a signal")
        return self._read()

    def visit(self, file: Path) -> None:
        """Open a file as a user does, and answer lsp-mode's question about its project.

        The file that was open is closed without being saved, so that it can be written anew by a test.
        """
        self.quit_key()
        self.terminal.press("M-~", "C-x", "k", "Enter")
        self.terminal.press("C-x", "C-f", "C-a", "C-k")
        self.terminal.type(f"{file}\n")
        self.answer(file)

    def answer(self, file: Path) -> None:
        """Wait until Pilotfish has a file that is being opened; lsp-mode asks once what project it is of."""

        def ready() -> bool:
            # Earlier questions are still to be seen while the list of messages is shown.
            if QUESTION in self.terminal.lines() and file.parent not in self._imported:
                self._imported.add(file.parent)
                self.terminal.press("i")
            state = self.state()
            return state.file == str(file) and state.enabled

        self.world.wait(ready, f"Pilotfish in {file.name}")

    def open_sample(self, sample: EditorSample) -> Path:
        """Write a sample, open it, and go to its place; its name, as the model sees it, is kept."""
        file = self.world.project / sample.name
        if self.state().file == str(file):
            self.visit(self.world.write("nothing.py", ""))
        self.world.write(sample.name, sample.content)
        self.visit(file)
        self.go_to(sample.row + 1)
        return file

    def go_to(self, line: int) -> None:
        """Go to the end of a line, from 1."""
        self.terminal.press("M-g", "M-g")
        self.terminal.type(f"{line}\n")
        self.terminal.press("C-e")
        self.world.wait(lambda: self.state().before.count("\n") == line - 1, f"Emacs to be in line {line}")

    def quit_key(self) -> None:
        """Press C-g, if something is asked or suggested, until that is gone; keys too soon behind it would be lost."""

        def gone() -> bool:
            state = self.state()
            if state.prompt or state.ghost:
                # While Emacs is at work, if only for us, C-g ends that and nothing else.
                self.terminal.press("C-g")
                time.sleep(0.1)
                return False
            return True

        self.world.wait(gone, "Emacs to have taken C-g")

    def command(self, name: str) -> None:
        """Call a command by its name."""
        self.terminal.press("M-x")
        self.terminal.type(f"{name}\n")

    def save(self) -> None:
        """Save the file, and wait for that."""
        written = self.state().messages.count("\nWrote ")
        self.terminal.press("C-x", "C-s")
        self.world.wait(lambda: self.state().messages.count("\nWrote ") > written, "Emacs to save")

    def quit(self) -> None:
        """Leave without saving, and wait for that."""
        self.command("kill-emacs")
        self.world.wait(lambda: self.terminal.exit_status() is not None, "Emacs to end")
        self.terminal.close()

    def ghost(self, *, seconds: float = DEADLINE) -> str:
        """Wait until ghost text stands still on the screen behind the cursor; the same text as Emacs knows it."""
        found: list[str] = []

        def still() -> bool:
            state = self.state()
            found.append(state.ghost)
            return (
                bool(state.ghost)
                and self.drawn(state) == visible(state.ghost)
                and state == self._again(state)
            )

        self.world.wait(still, f"ghost text by {self.client}", seconds)
        return found[-1]

    def drawn(self, state: State) -> list[str]:
        """The grey text that the terminal shows from the cursor on, line by line, without blanks at the ends."""
        rows = self.terminal.cells()
        row, column = self.terminal.cursor()
        lines: list[str] = []
        while row < len(rows):
            cells = rows[row][column:]
            grey = _grey(cells)
            if not grey.strip() and (lines or not state.ghost.startswith("\n")):
                break
            lines.append(grey.rstrip())
            row, column = row + 1, self._margin(state)
        return lines

    def shows_ghost(self) -> bool:
        """Whether there is grey text behind the cursor, whatever Emacs says."""
        row, column = self.terminal.cursor()
        return bool(_grey(self.terminal.cells()[row][column:]).strip())

    def row(self) -> str:
        """What the terminal shows in the cursor's row."""
        return self.terminal.lines()[self.terminal.cursor()[0]]

    def wait_for_status(self, *states: str, seconds: float = DEADLINE) -> None:
        """Wait until the mode line shows one of these states."""

        def shown() -> bool:
            return any(self.terminal.find(f"Pilotfish:{state}") for state in states)

        self.world.wait(shown, f"the mode line to say {' or '.join(states)}", seconds)

    def _margin(self, state: State) -> int:
        """Columns that Emacs keeps free at the left."""
        first = state.text.split("\n", 1)[0]
        found = self.terminal.find(first) if first.strip() else None
        return found[1] if found else 0

    def _again(self, state: State) -> State:
        """The state a moment later, with the earlier one's count."""
        time.sleep(0.05)
        later = self.state()
        return State(**{**_fields(later), "count": state.count, "messages": state.messages})

    def _read(self) -> State:
        held: dict[str, Any] = json.loads(self._state.read_text("utf-8"))
        return State(**held)


def _fields(state: State) -> dict[str, Any]:
    return {name: getattr(state, name) for name in State.__slots__}


def _grey(cells: list[Cell]) -> str:
    """The text of the cells up to the first that is drawn otherwise."""
    text = ""
    for cell in cells:
        if cell.style.fg not in GREY and cell.text.strip():
            break
        text += cell.text
    return text


def visible(ghost: str) -> list[str]:
    """The lines of ghost text as they can be read from a screen."""
    return [line.rstrip() for line in ghost.split("\n")]
