"""Windows of the real Visual Studio Code in a browser: keys go in as from a keyboard, what is drawn is read back."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from harness.code_server import CodeServer
from harness.editor_samples import EditorSample
from harness.installed_editors import tool

PAUSE = 80.0
"""Milliseconds between two keys of a fluent typist."""
SIZE = (1100, 720)
_EDITOR = ".editor-group-container.active .monaco-editor"
_RECORDER = Path(__file__).with_name("vscode_recorder.js")
_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the window shows at one moment."""

    status: str
    """Our item of the status bar, without its icon; "" when there is none."""
    notes: tuple[str, ...]
    """The notifications that stand in front of the window."""
    line: str
    """The line with the cursor as it is drawn, ghost text included. A tab is drawn as spaces."""
    typed: str
    """The same without ghost text: what is in the document."""
    ghost: str
    """The ghost text in that line; "" when there is none."""
    below: tuple[str, ...]
    """Further lines of ghost text."""
    time: float = 0.0
    """When it was first drawn so, in seconds of the page's clock."""
    key: float = 0.0
    """When the last key before it went down, on the same clock."""

    @property
    def suggestion(self) -> str:
        """All of the ghost text."""
        return "\n".join([self.ghost, *self.below])


class Window:
    """A window with the world's project open."""

    def __init__(self, page: Page, server: CodeServer) -> None:
        self.page = page
        self.server = server
        self.world = server.world
        self._file = ""
        self.world.witnesses.append(self.description)

    def open(self, name: str) -> None:
        """Open a file of the project by its name, and put the cursor at its beginning."""
        path = self.world.project / name
        self._pick("Control+p", str(path))
        tab = self.page.locator(".editor-group-container.active .tab.active", has_text=path.name)
        tab.wait_for()
        self.page.locator(f"{_EDITOR} .view-line").first.wait_for()
        self.go_to(1, 1)

    def begin(self, sample: EditorSample) -> None:
        """Write a sample, open it with nothing else open, and put the cursor where the typing begins."""
        while self.page.locator(".tabs-container .tab").count():
            self.command("View: Revert and Close Editor")
        self.world.write(sample.name, sample.content)
        self._file = sample.name
        self.open(sample.name)
        self.go_to(sample.row + 1)
        self.forget()

    def go_to(self, line: int, column: int | None = None) -> None:
        """Put the cursor at a place, both counted from 1; by default at the line's end."""
        self._pick("Control+g", f":{line}:{column or 1}")
        if column is None:
            self.press("End")
        self.wait(lambda: self.position()[0] == line, f"the cursor to be in line {line}")

    def position(self) -> tuple[int, int]:
        """Line and column of the cursor as the status bar says them."""
        text = self.page.locator(".statusbar-item", has_text=re.compile(r"Ln \d")).text_content() or ""
        line, column = re.findall(r"\d+", text)[:2]
        return int(line), int(column)

    def type(self, text: str, *, pause: float = PAUSE) -> None:
        """Type, one key after the other; pause in milliseconds."""
        self.page.keyboard.type(text, delay=pause)

    def press(self, *keys: str) -> None:
        """Press keys by their names, such as ``Control+ArrowRight``."""
        for key in keys:
            self.page.keyboard.press(key)

    def seen(self) -> Seen:
        """What the window shows now."""
        return _seen(self.page.evaluate("lookNow()"))

    def frames(self) -> list[Seen]:
        """What it has shown since the last `forget`, frame by frame."""
        return [_seen(frame) for frame in self.page.evaluate("seenFrames")]

    def forget(self) -> None:
        """Begin the record of frames anew with what is shown now."""
        self.page.evaluate("seenFrames = [{time: performance.now(), key: lastKey, ...lookNow()}]")

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Poll as `World.wait` does."""
        self.world.wait(condition, what, seconds)

    def wait_ghost(self, seconds: float = 30.0) -> Seen:
        """Wait for ghost text, and until it has stood still for half a second."""
        self.wait(lambda: self.seen().ghost, "ghost text", seconds)
        last = self.seen()
        while True:
            self.page.wait_for_timeout(500)
            seen = self.seen()
            if (seen.ghost, seen.below) == (last.ghost, last.below):
                return seen
            last = seen

    def wait_no_ghost(self, seconds: float = 30.0) -> None:
        """Wait until there is no ghost text."""
        self.wait(lambda: not self.seen().ghost and not self.seen().below, "the ghost text to go", seconds)

    def wait_status(self, pattern: str, seconds: float = 60.0) -> str:
        """Wait until our item of the status bar matches; its text."""
        self.wait(lambda: re.search(pattern, self.seen().status), f"the status {pattern!r}", seconds)
        return self.seen().status

    def ghost_is_visible(self) -> bool:
        """Whether the ghost text stands in the window, right of the cursor, and can be told from the typed text."""
        node = self.page.locator(f"{_EDITOR} .view-line [class*='ghost-text']").first
        cursor = self.page.locator(f"{_EDITOR} .cursors-layer .cursor").first
        style = "node => [getComputedStyle(node).fontStyle, getComputedStyle(node).opacity]"
        drawn, caret = node.bounding_box(), cursor.bounding_box()
        if not drawn or not caret or not node.is_visible():
            return False
        size = self.page.viewport_size or {"width": 0, "height": 0}
        in_window = (
            drawn["x"] + drawn["width"] < size["width"] and drawn["y"] + drawn["height"] < size["height"]
        )
        return in_window and drawn["x"] >= caret["x"] - 2 and node.evaluate(style) != ["normal", "1"]

    def command(self, title: str) -> None:
        """Run a command by its title from the palette."""
        self._pick("F1", f">{title}")

    def saved(self) -> bytes:
        """Save the file that was begun; what is on disk then."""
        self.press("Control+s")
        dirty = self.page.locator(".editor-group-container.active .tab.active.dirty")
        self.wait(lambda: dirty.count() == 0, "the file to be saved")
        return self.world.read(self._file)

    def note(self, pattern: str, seconds: float = 30.0) -> str:
        """Wait for a notification; its text."""

        def matching() -> list[str]:
            return [text for text in self.seen().notes if re.search(pattern, text)]

        self.wait(matching, f"a notification {pattern!r}", seconds)
        return matching()[0]

    def press_button(self, text: str) -> None:
        """Press a button of a notification or dialog."""
        self.page.locator(".monaco-button, .dialog-buttons a", has_text=text).first.click()

    def dismiss_notes(self) -> None:
        """Close all notifications."""
        self.command("Notifications: Clear All Notifications")
        self.wait(lambda: not self.seen().notes, "the notifications to go")

    def quick_title(self) -> str:
        """Title of the box for choices and inputs; "" when it is not there."""
        box = self.page.locator(".quick-input-widget .quick-input-title")
        return box.inner_text() if box.count() and box.is_visible() else ""

    def choose(self, text: str) -> None:
        """Wait for the first row of a quick pick with this text, and click it."""
        self.page.locator(".quick-input-widget .monaco-list-row", has_text=text).first.click()

    def answer(self, text: str) -> None:
        """Type into the box for choices and inputs, and press Enter."""
        box = self.page.locator(".quick-input-widget .quick-input-box input").first
        box.fill(text)
        self.wait(lambda: box.input_value() == text, "the answer to be taken")
        self.press("Enter")

    def trust(self) -> None:
        """Trust the folder, by the editor that the command opens."""
        self.command("Workspaces: Manage Workspace Trust")
        self.page.locator(".workspace-trust-editor .monaco-button", has_text=re.compile("^Trust$")).click()

    def close(self) -> None:
        """Close the window as its cross does."""
        if not self.page.is_closed():
            self.world.witnesses.remove(self.description)
            self.page.close(run_before_unload=False)

    def description(self) -> str:
        """What a failed test shows of this window; a picture stands beside the logs."""
        self.page.screenshot(path=self.world.home / "window.png")
        return f"window (picture in {self.world.home}/window.png): {self.seen()}"

    def _pick(self, key: str, text: str) -> None:
        # Ctrl+P, Ctrl+G and F1 open the same box; what is typed before it has the focus would go into the document.
        self.press(key)
        box = self.page.locator(".quick-input-widget input[type=text]")
        box.wait_for(state="visible")
        box.fill(text)
        if text.startswith(">"):
            row = self.page.locator(".quick-input-widget .monaco-list-row.focused", has_text=text[1:])
        elif text.startswith(":"):
            row = self.page.locator(".quick-input-widget .monaco-list-row.focused")
        else:
            row = self.page.locator(".quick-input-widget .monaco-list-row.focused", has_text=Path(text).name)
        row.first.wait_for()
        self.press("Enter")
        # Some commands ask something in the same box at once.
        self.wait(lambda: not box.is_visible() or box.input_value() != text, "the box to take the choice")


class Screen:
    """A browser, and with each server a store of its own, in which the editor keeps what it remembers."""

    def __init__(self, playwright: Playwright, size: tuple[int, int], scale: float) -> None:
        self._playwright = playwright
        self._looks: Any = {
            "viewport": {"width": size[0], "height": size[1]},
            "device_scale_factor": scale,
        }
        self._browser: Browser | None = None
        self._contexts: dict[str, BrowserContext] = {}

    def window(self, server: CodeServer) -> Window:
        """Open a window on the server's world; it is there when the editor is."""
        page = self._context(server).new_page()
        page.goto(f"{server.url}/?folder={quote(str(server.world.project))}", wait_until="commit")
        page.locator(".monaco-workbench .statusbar-item").first.wait_for(timeout=60_000)
        return Window(page, server)

    def close(self) -> None:
        """Close all windows."""
        if self._browser:
            self._browser.close()

    def _context(self, server: CodeServer) -> BrowserContext:
        if not self._browser or not self._browser.is_connected():
            # A browser that has crashed costs one test, not all that follow.
            self._contexts.clear()
            self._browser = self._playwright.chromium.launch(
                executable_path=tool("chromium"), args=list(_ARGUMENTS)
            )
        if server.url not in self._contexts:
            context = self._browser.new_context(**self._looks)
            context.set_default_timeout(30_000)
            context.add_init_script(path=_RECORDER)
            self._contexts[server.url] = context
        return self._contexts[server.url]


@contextmanager
def screen(size: tuple[int, int] = SIZE, scale: float = 1.0) -> Iterator[Screen]:
    """Have a browser when it is needed; windows of this size in pixels of CSS, each of which is ``scale`` wide."""
    # Not for longer than a module: its event loop would be in the way of asynchronous tests.
    with sync_playwright() as playwright:
        made = Screen(playwright, size, scale)
        try:
            yield made
        finally:
            made.close()


def _seen(raw: dict[str, Any]) -> Seen:
    return Seen(
        status=raw["status"],
        notes=tuple(raw["notes"]),
        line=raw["line"],
        typed=raw["typed"],
        ghost=raw["ghost"],
        below=tuple(raw["below"]),
        time=raw.get("time", 0.0) / 1000,
        key=raw.get("key", 0.0) / 1000,
    )
