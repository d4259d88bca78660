"""Real Helix in a real terminal: keys in, drawn cells out."""

import re
import time

from harness.editor_samples import EditorSample
from harness.editor_world import World
from harness.installed_editors import editor
from harness.terminal_cells import Cell

README = (
    "mkdir -p ~/.config/helix",
    "~/.local/share/pilotfish/bin/pilotfish setup helix languages.toml >> ~/.config/helix/languages.toml",
    "~/.local/share/pilotfish/bin/pilotfish setup helix config.toml >> ~/.config/helix/config.toml",
)
"""What a new user types into a shell; the first line only where Helix has never been configured."""
GHOST = "#5a5977"
"""The colour of inlay hints in Helix' default theme."""
CONFIG = ".config/pilotfish/config.toml"
TAB = 4
"""Columns of a tab in Python, as Helix draws it."""
_MODE = re.compile(r"^ (NOR|INS|SEL) ")


def set_up(world: World, *settings: str) -> None:
    """Type the README's lines, and write lines into the user's own settings of Pilotfish where there are any."""
    for line in README:
        world.shell(line)
    if settings:
        path = world.home / CONFIG
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(settings) + "\n")


class Helix:
    """One window of Helix with a file of the world's project."""

    def __init__(self, world: World, sample: EditorSample) -> None:
        """Open a sample's file, which is written first if there is none."""
        self.world = world
        self.name = sample.name
        if not (world.project / self.name).exists():
            world.write(self.name, sample.content)
        self.terminal = world.terminal([editor("helix", "hx"), self.name])
        self.wait_for_mode("NOR")

    @property
    def message(self) -> str:
        """What stands in the last row: messages, progress, the command line."""
        return self.terminal.lines()[-1]

    @property
    def status_line(self) -> str:
        """Mode, spinner, file's name and place."""
        return self.terminal.lines()[-2]

    def wait_for_mode(self, mode: str) -> None:
        """Wait until the status line shows a mode: NOR, INS or SEL."""

        def shown() -> bool:
            found = _MODE.match(self.status_line)
            return found is not None and found[1] == mode

        self.world.wait(shown, f"mode {mode}")

    def normal(self) -> None:
        """Leave whatever is open."""
        # Not where nothing is open: a key that follows Escape too soon would be taken for one with Alt.
        found = _MODE.match(self.status_line)
        if found is None or found[1] != "NOR":
            self.terminal.press("Escape")
        self.wait_for_mode("NOR")

    def command(self, line: str) -> None:
        """Run a typed command, such as ``w``."""
        self.normal()
        self.terminal.type(f":{line}\n")

    def run(self, command: str, argument: str = "") -> None:
        """Run a command of the language server."""
        self.command(f"lsp-workspace-command pilotfish.{command} {argument}".rstrip())

    def says(self, command: str, beginning: str) -> str:
        """Run a command of the language server that answers in words, and wait for these; all that it says."""
        self.run(command)
        self.world.wait(lambda: self.message.startswith(beginning), f"an answer to {command}: {beginning}")
        return self.message

    def wait_for_status(self, state: str) -> str:
        """Ask for the status until it is a certain one; all that is said of it then.

        More than once, also because the end of a progress takes away whatever message stands there.
        """
        said = ""

        def told() -> bool:
            nonlocal said
            self.run("backend.status")
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline:
                said = self.message
                if said.startswith(f"Pilotfish is {state}"):
                    return True
                time.sleep(0.02)
            return False

        self.world.wait(told, f"the status {state}")
        return said

    def append(self, sample: EditorSample) -> None:
        """Go to a sample's place, the end of a line, to type there."""
        self.normal()
        self.terminal.type(f"{sample.row + 1}G")
        self.terminal.press("A")
        self.wait_for_mode("INS")

    def type_sample(self, sample: EditorSample) -> str:
        """Type a sample's text at its place; the ghost text that it brings."""
        self.append(sample)
        self.terminal.type(sample.typed, pause=0.05)
        return self.wait_for_ghost(sample.row, sample.line)

    def accept(self, key: str = "M-a") -> None:
        """Press a key that accepts ghost text, and wait until the text has it.

        Helix asks for hints some time after a key. Where the text arrives later than that, as on a busy machine, the
        old hint stands behind it until the next key, which therefore follows.
        """
        before = self.terminal.cursor(), self.status_line
        self.terminal.press(key)
        self.world.wait(lambda: (self.terminal.cursor(), self.status_line) != before, "the accepted text")
        self.terminal.press("End")

    def row(self, row: int) -> str:
        """A line of the file as it is drawn, ghost text included; the file is not scrolled."""
        return _joined(self._text_cells(row)).rstrip()

    def ghost(self, row: int, typed: str) -> str:
        """What is drawn behind a line's text in the colour of hints; "" for nothing, or while another text is drawn."""
        cells = self._text_cells(row)
        expected = typed.expandtabs(TAB)
        length = next((n for n in range(len(cells)) if _joined(cells[:n]) == expected), None)
        # White space is drawn in this colour everywhere.
        hinted = [cell.style.fg == GHOST for cell in cells if cell.text.strip()]
        written = sum(bool(cell.text.strip()) for cell in cells[:length])
        if length is None or any(hinted[:written]) or not all(hinted[written:]):
            return ""
        return _joined(cells[length:]).rstrip()

    def wait_for_ghost(self, row: int, typed: str) -> str:
        """Wait until ghost text is drawn behind a line's text; the ghost text."""
        drawn = ""

        def seen() -> bool:
            nonlocal drawn
            drawn = self.ghost(row, typed)
            return bool(drawn)

        self.world.wait(seen, f"ghost text behind {typed!r}")
        return drawn

    def wait_for_row(self, row: int, text: str) -> None:
        """Wait until a line is drawn as ``text`` and nothing more."""
        expected = text.expandtabs(TAB).rstrip()
        self.world.wait(lambda: self.row(row) == expected, f"row {row} as {expected!r}")

    def wait_for_beginning(self, row: int, text: str) -> None:
        """Wait until a line is drawn that begins with ``text``."""
        expected = text.expandtabs(TAB)
        self.world.wait(lambda: self.row(row).startswith(expected), f"row {row} to begin with {expected!r}")

    def save(self, expected: bytes) -> None:
        """Write the file, and see that it is on disk what is expected, byte for byte."""
        self.command("w!")
        try:
            self.world.wait(lambda: self.world.holds_file(self.name, expected), "the file on disk")
        except AssertionError as error:
            found = self.world.read(self.name)
            raise AssertionError(f"on disk: {found!r}\nexpected: {expected!r}\n{error}") from None

    def quit(self) -> None:
        """Leave without saving, and wait for the end."""
        windows = self._running()
        self.command("qa!")
        # Not the terminal's word for it: tmux sometimes misses the end of a program that restores the screen.
        self.world.wait(lambda: self._running() < windows, "Helix' end")

    def _running(self) -> int:
        return sum(process.name == "hx" for process in self.world.processes())

    def _text_cells(self, row: int) -> list[Cell]:
        """A row without line numbers and signs."""
        cells = self.terminal.cells()[row]
        start = next((at for at, cell in enumerate(cells) if cell.text.isdigit()), len(cells))
        while start < len(cells) and cells[start].text.isdigit():
            start += 1
        return cells[start + 2 :]


def _joined(cells: list[Cell]) -> str:
    return "".join(cell.text for cell in cells)
