"""The terminal that the tests drive editors in: what is typed arrives, and what is drawn is read."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.terminal import Terminal
from harness.terminal_cells import PLAIN, Cell, Style, parse_cells


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Terminal]:
    """A shell with a short prompt."""
    env = {**os.environ, "PS1": "$ ", "LANG": "C.UTF-8"}
    with Terminal(["/bin/sh"], env=env, cwd=tmp_path, columns=60, rows=10) as terminal:
        terminal.wait_for("$")
        yield terminal


def test_types_literally(shell: Terminal, tmp_path: Path) -> None:
    """What means something to tmux or as a key's name arrives as text, at once or key by key."""
    shell.type("printf '%s' 'a;' Enter '日本 🐟' >out;")
    shell.press("Enter")
    shell.type("echo C-c >>out;\n", pause=0.001)
    shell.type("printf %s >>out ")
    shell.type("Up")
    shell.type("\necho done >done\n")
    shell.wait_for((tmp_path / "done").exists)
    assert (tmp_path / "out").read_text() == "a;Enter日本 🐟C-c\nUp"


def test_reads_what_is_drawn(shell: Terminal) -> None:
    """Colours and widths are those of the cells; a place is a row and a column."""
    shell.type("clear; printf '日🐟\\033[38;5;8;3mgrey\\033[0m \\033[38;2;1;2;3;48;5;4mx\\033[0m\\n'\n")
    shell.wait_for(lambda: shell.find("grey") == (0, 4))
    row = shell.cells()[0]
    assert row[:4] == [Cell("日"), Cell(""), Cell("🐟"), Cell("")]
    assert row[4] == Cell("g", Style(fg="8", italic=True))
    assert row[8] == Cell(" ", PLAIN)
    assert row[9] == Cell("x", Style(fg="#010203", bg="4"))
    assert shell.cursor() == (1, 2)


def test_says_how_the_program_ended(shell: Terminal) -> None:
    """Its last screen can still be read after its end."""
    assert shell.exit_status() is None
    shell.type("echo last words; exit 3\n")
    shell.wait_for(lambda: shell.exit_status() == 3)
    assert shell.find("last words")


def test_waits_with_a_deadline(shell: Terminal) -> None:
    """The message shows what is wanted and what is there."""
    with pytest.raises(AssertionError, match=r"waited 0\.1 s for 'unicorn'(?s:.*)sh, cursor"):
        shell.wait_for("unicorn", seconds=0.1)


def test_styles_last_until_they_end() -> None:
    """As tmux writes them: over the end of a line, and with bright and combined codes."""
    rows = parse_cells("\x1b[1;94ma\nb\x1b[22;39mc\x1b]8;;http://x\x1b\\d\n")
    blue = Style(fg="12", bold=True)
    assert rows == [[Cell("a", blue)], [Cell("b", blue), Cell("c"), Cell("d")]]
    assert parse_cells("e\u0301\n") == [[Cell("e\u0301")]]
