"""Vim with ALE, as a user has it after the lines of its page: suggestions of one line in the completion menu."""

from pathlib import Path

import pytest

from harness.editor_samples import LINE, WIDE, EditorSample
from harness.editor_world import World
from harness.installed_editors import editor, editors_folder
from harness.terminal import Terminal

INSTALL = "~/.local/share/pilotfish/bin/pilotfish setup vim >> ~/.vimrc"
PAGE = Path(__file__).parents[2] / "docs/editors/vim.md"
ENTRY = " Pilotfish"
"""What stands behind our entry in the menu."""


def vim(world: World, sample: EditorSample) -> Terminal:
    """Install what the page says, open a sample, and wait for the backend."""
    program = editor("vim", "vim")
    plugins = world.home / ".vim/pack/plugins/start"
    plugins.mkdir(parents=True)
    (plugins / "ale").symlink_to(editors_folder() / "vim/ale")
    world.shell(INSTALL)
    terminal = world.terminal([program, world.write(sample.name, sample.content)])
    world.wait(lambda: world.completions() > 0, "the backend to be warm")
    return terminal


def offered(world: World, terminal: Terminal, sample: EditorSample) -> str:
    """Type at a sample's place until the menu has our entry; what stands there, which may repeat a word of the text."""
    terminal.type(f"{sample.row + 1}GA{sample.typed}")
    world.wait(lambda: terminal.find(ENTRY), "our entry in the menu")
    row, _ = terminal.find(ENTRY) or (0, 0)
    entry = terminal.lines()[row].split(ENTRY)[0].rstrip().removesuffix("v")
    return entry.strip().split("  ")[-1].strip()  # the file's own text may stand in front of it


@pytest.mark.parametrize("sample", [LINE, WIDE], ids=["ascii", "wide"])
def test_menu(world: World, sample: EditorSample) -> None:
    """The entry that is chosen is in the file, to the byte; until then what is typed stands alone."""
    terminal = vim(world, sample)
    suggested = offered(world, terminal, sample)
    row, _ = terminal.cursor()
    assert terminal.lines()[row].endswith(sample.line)
    terminal.press("C-n")
    terminal.press("C-y")
    terminal.press("Escape")
    terminal.type(":w\n")
    world.wait(lambda: world.read(sample.name) != sample.content, "the file to be written")
    inserted = (
        world.read(sample.name).decode().removeprefix(sample.before + sample.typed).removesuffix(sample.after)
    )
    assert inserted.strip()
    assert suggested.endswith(inserted.strip())
    assert world.read(sample.name) == sample.with_accepted(inserted)


def test_commands(world: World) -> None:
    """The page's command stops the backend and starts it again."""
    terminal = vim(world, LINE)
    terminal.type(":Pilotfish backend.stop\n")
    world.wait(lambda: not world.local_backend(), "the backend to end")
    terminal.type(":Pilotfish backend.start\n")
    world.wait(world.local_backend, "the backend to start")


def test_documented_lines(world: World) -> None:
    """The page shows what a user types, and what that prints."""
    page = PAGE.read_text("utf-8")
    assert INSTALL in page
    for line in world.shell(INSTALL.partition(" >>")[0]).splitlines():
        assert line.partition("'executable'")[0] in page
