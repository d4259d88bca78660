"""The README's picture of Neovim: several lines of ghost text, out of the real model."""

from pathlib import Path

from harness.editor_samples import EditorSample
from harness.editor_world import World
from harness.neovim import Neovim, configure
from harness.pictures import terminal_png

SCENE = EditorSample(
    "tree.py",
    '''"""A binary tree."""


class Node:
    """A value with two subtrees."""

    def __init__(self, value):
        self.value = value
        self.left = None
        self.right = None

    def insert(self, value):
        """Put a value at its place."""
        if value < self.value:
            if self.left is None:
                self.left = Node(value)
            else:
                self.left.insert(value)
        else:
            ''',
    "if",
    "\n",
)
OPTIONS = "settings = { completion = { multiline = 'always' } },"
LOOKS = (
    "set noruler laststatus=2 noshowmode",
    "set statusline=\\ %f\\ %m%=%{v:lua.require'pilotfish'.statusline()}\\ \\ %l,%c\\ ",
)


def draw(world: World, path: Path) -> None:
    """Type into Neovim, and draw what is to be seen then."""
    configure(world, OPTIONS)
    with Neovim(world, "0.12", columns=84, rows=28) as neovim:
        for line in LOOKS:
            neovim.rpc.command(line)
        neovim.start(SCENE)
        world.wait(lambda: neovim.ghost().count("\n") >= 3, "several lines")
        neovim.wait_ghost()
        neovim.terminal.wait_for("Pilotfish ready")
        neovim.rpc.command("echo ''")
        neovim.rpc.command("set number")  # in the colour of ghost text, which was looked for until now
        neovim.terminal.wait_for(" 20         ")
        terminal_png(neovim.terminal.ansi(), path, "Neovim", cursor=neovim.terminal.cursor())
