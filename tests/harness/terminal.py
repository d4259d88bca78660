"""A real terminal for a program: a tmux server of its own, typed into by keys, read by what is drawn."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from harness.installed_editors import tool
from harness.terminal_cells import Cell, parse_cells

SETTINGS = """\
set -g default-terminal tmux-256color
set -ga terminal-overrides ",*:RGB"
set -sg escape-time 0
set -g status off
set -g remain-on-exit on
set -g history-limit 1000
"""
DEADLINE = 30.0


class Terminal:
    """A program that runs in a terminal of ``columns`` by ``rows``. Use it in `with`, or close it."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        columns: int = 100,
        rows: int = 30,
    ) -> None:
        self._tmux = str(tool("tmux"))
        # A socket's path has a limit of about 100 bytes, and a test's own folder may be longer.
        self._folder = Path(tempfile.mkdtemp(prefix="terminal-"))
        self._env = dict(env)
        settings = self._folder / "tmux.conf"
        settings.write_text(SETTINGS)
        size = ["-x", str(columns), "-y", str(rows)]
        # With `env` in front there are always two words, which tmux runs without a shell.
        program = ["env", *map(str, argv)]
        self._run("-f", str(settings), "new-session", "-d", *size, "-c", str(cwd), *program)
        self.name = Path(argv[0]).name

    def type(self, text: str, *, pause: float = 0.0) -> None:
        """Type text literally, a line end as Enter; with a pause, in seconds, one key at a time."""
        if pause:
            for character in text:
                self._literally(character)
                time.sleep(pause)
            return
        first, *more = text.split("\n")
        self._literally(first)
        for line in more:
            self.press("Enter")
            self._literally(line)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: Escape, Enter, Tab, Up, C-n, M-x."""
        self._run("send-keys", *keys)

    def lines(self) -> list[str]:
        """The rows as text, without trailing spaces."""
        return [line.rstrip() for line in self._run("capture-pane", "-p").removesuffix("\n").split("\n")]

    def text(self) -> str:
        """All rows as one text."""
        return "\n".join(self.lines())

    def ansi(self) -> str:
        """The rows with their escape sequences, trailing spaces kept."""
        return self._run("capture-pane", "-p", "-e", "-N")

    def cells(self) -> list[list[Cell]]:
        """The rows cell by cell, see `terminal_cells`; a row may be shorter than the terminal."""
        return parse_cells(self.ansi())

    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 0; a wide character counts two columns."""
        row, column = self._ask("#{cursor_y} #{cursor_x}").split()
        return int(row), int(column)

    def find(self, text: str) -> tuple[int, int] | None:
        """Row and column, from 0, of the first place where the text is drawn within a row."""
        for row, cells in enumerate(self.cells()):
            line = "".join(cell.text for cell in cells)
            if text in line:
                before = line[: line.index(text)]
                return row, _columns(cells, len(before))
        return None

    def wait_for(
        self, what: str | Callable[[], object], *, seconds: float = DEADLINE, name: str = ""
    ) -> None:
        """Wait until a text is drawn, or a condition holds. Raises AssertionError with the screen."""
        deadline = time.monotonic() + seconds
        while not (self.find(what) if isinstance(what, str) else what()):
            if time.monotonic() > deadline:
                wanted = repr(what) if isinstance(what, str) else name or "a condition"
                raise AssertionError(f"waited {seconds:g} s for {wanted}\n{self.description()}")
            time.sleep(0.02)

    def exit_status(self) -> int | None:
        """The program's exit status; None while it runs."""
        dead, status = self._ask("#{pane_dead}/#{pane_dead_status}").split("/")
        return int(status or -1) if dead == "1" else None

    def description(self) -> str:
        """The screen in a frame, for messages."""
        if not self._folder.exists():
            return f"{self.name}: its terminal is closed"
        width = 100
        rows = "\n".join(f"|{line}" for line in self.lines())
        return f"{self.name}, cursor {self.cursor()}:\n+{'-' * width}\n{rows}\n+{'-' * width}"

    def hang_up(self) -> None:
        """Close the terminal as its window's close button does: the program gets a SIGHUP."""
        with suppress(RuntimeError):
            self._run("kill-server")

    def close(self) -> None:
        """End the program and the terminal. May be called again."""
        if self._folder.exists():
            self.hang_up()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _literally(self, text: str) -> None:
        if not text:
            return
        # tmux takes a semicolon at an argument's end for its own.
        escaped = f"{text[:-1]}\\;" if text.endswith(";") else text
        self._run("send-keys", "-l", "--", escaped)

    def _ask(self, template: str) -> str:
        return self._run("display-message", "-p", template).removesuffix("\n")

    def _run(self, *arguments: str) -> str:
        argv = [self._tmux, "-S", str(self._folder / "tmux"), *arguments]
        ran = subprocess.run(
            argv, env=self._env, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
        )
        if ran.returncode:
            message = f"tmux {' '.join(arguments)}: {ran.stderr.strip()}"
            raise RuntimeError(message)
        return ran.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _columns(cells: Sequence[Cell], characters: int) -> int:
    """How many columns that many leading characters take."""
    seen = 0
    for column, cell in enumerate(cells):
        if seen >= characters and cell.text:
            return column
        seen += len(cell.text)
    return len(cells)
