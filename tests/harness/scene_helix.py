"""The README's picture of Helix: ghost text and the menu that has the same, both out of the real model."""

from pathlib import Path

from harness.editor_samples import EditorSample
from harness.editor_world import World
from harness.helix import Helix, set_up
from harness.pictures import terminal_png

SCENE = EditorSample(
    "shapes.py",
    '''"""Shapes, and what they measure."""

import math
from dataclasses import dataclass


@dataclass
class Square:
    side: float

    def area(self):
        return self.side * self.side


@dataclass
class Circle:
    radius: float

    def circumference(self):
        return 2 * math.pi * self.radius

    def area(self):
        return''',
    " math",
    "\n",
)


def draw(world: World, path: Path) -> None:
    """Type into Helix, and draw what is to be seen then."""
    set_up(world)
    window = Helix(world, SCENE)
    window.wait_for_status("ready")
    window.command("theme onedark")
    window.append(SCENE)
    window.terminal.type(SCENE.typed, pause=0.1)
    world.wait(lambda: len(window.row(SCENE.row)) > len(SCENE.line) + 5, "ghost text")
    window.terminal.press("C-x")
    window.terminal.wait_for(" text ")
    terminal_png(window.terminal.ansi(), path, "Helix", cursor=None)
