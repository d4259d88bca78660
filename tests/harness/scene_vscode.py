"""The README's picture of Visual Studio Code: several lines of ghost text, out of the real model."""

from pathlib import Path

from harness.code_server import CodeServer
from harness.editor_samples import EditorSample
from harness.editor_world import World
from harness.installed_editors import ROOT, editor
from harness.pictures import LARGEST, TooLargeError
from harness.vscode import screen

SCENE = EditorSample(
    "search.py",
    '''"""Finding things in lists."""


def position(items: list[int], wanted: int) -> int:
    """Where a number stands in a list, or -1."""
    for index, item in enumerate(items):
        if item == wanted:
            return index
    return -1


def binary_search(items: list[int], wanted: int) -> int:
    """Where a number stands in a sorted list, or -1."""
    low, high = 0, len(items) - 1
    while''',
    "",
    "\n",
)
SIZE = (800, 560)
LOOKS = {
    "workbench.colorTheme": "Default Dark Modern",
    "workbench.layoutControl.enabled": False,
    "window.menuBarVisibility": "hidden",
    "editor.fontSize": 15,
    "editor.stickyScroll.enabled": False,
    "editor.guides.indentation": False,
    "editor.occurrencesHighlight": "off",
    "editor.scrollbar.vertical": "hidden",
}
PATIENCE = 3000
"""Milliseconds that a block may take."""


def draw(world: World, path: Path) -> None:
    """Ask by hand in a window, and take a picture of it.

    Raises:
        TooLargeError: nothing is written.

    """
    program = editor("vscode-current", "code-server")
    with screen(SIZE, 2.0) as browser, CodeServer(program, world, settings=LOOKS) as server:
        server.install(ROOT / "pilotfish.vsix")
        window = browser.window(server.start())
        window.begin(SCENE)
        window.wait_status(r"\(local\)$")
        window.command("View: Toggle Primary Side Bar Visibility")
        window.go_to(SCENE.row + 1)
        window.press("Alt+\\")
        window.wait(lambda: window.seen().below, "several lines of ghost text")
        # A busy machine shows what there is after a while; asked again it has more.
        before = ""
        while (shown := window.wait_ghost().suggestion) != before:
            before = shown
            window.press("Alt+\\")
            window.page.wait_for_timeout(PATIENCE)
        picture = window.page.screenshot(caret="initial")
        window.close()
    if len(picture) > LARGEST:
        message = f"{path.name} would have {len(picture)} bytes: make the window smaller"
        raise TooLargeError(message)
    path.write_bytes(picture)
