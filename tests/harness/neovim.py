"""A real Neovim in a terminal: typed into by keys, read by what is drawn, and asked over a socket for what is not."""

import re
import shutil
import socket
import tempfile
import time
from pathlib import Path

from harness.editor_samples import EditorSample
from harness.editor_world import World
from harness.installed_editors import ROOT, editor
from harness.neovim_rpc import NeovimRpc

PAGE = ROOT / "docs/editors/neovim.md"
KEYS = {"accept_word": "M-w", "accept_line": "M-l", "next": "M-n", "previous": "M-p", "dismiss": "M-x"}
"""What `configure` maps beside <Tab>, by tmux's names."""
SETTLED = 0.5
"""Seconds for which a suggestion has to stay as it is to be taken for all of it."""


def installation() -> str:
    """The lines that a new user types, out of the documentation."""
    found = re.search(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert found
    return found[1]


def configure(world: World, options: str = "") -> None:
    """Install as a new user does, then write more options, in Lua, into the table that `setup` gets."""
    world.shell(installation())
    place = world.home / ".config/nvim/init.lua"
    keys = ", ".join(f"{name} = '<{key}>'" for name, key in KEYS.items())
    text = place.read_text()
    changed = text.replace("setup({", f"setup({{ keys = {{ {keys} }}, {options}")
    assert changed != text
    place.write_text(changed)


class Neovim:
    """Neovim with files of the project. It ends with its world, or by `quit`."""

    def __init__(self, world: World, version: str, *files: str, columns: int = 100, rows: int = 30) -> None:
        self.world = world
        # A socket's path has a limit of about 100 bytes, and a test's own folder may be longer.
        self._folder = Path(tempfile.mkdtemp(prefix="neovim-"))
        place = self._folder / "s"
        program = editor(f"neovim-{version}", "nvim")
        self.terminal = world.terminal([program, "--listen", place, *files], columns=columns, rows=rows)
        world.wait(place.exists, "Neovim's socket")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(place))
        self._files = self._socket.makefile("rb"), self._socket.makefile("wb")
        self.rpc = NeovimRpc(*self._files)
        # It answers before it has read its init.lua.
        world.wait(lambda: self.rpc.lua("return vim.v.vim_did_enter == 1"), "the end of its start")
        self.rpc.lua(RECORD_STATES)

    def close(self) -> None:
        """Let go of it; the world ends it."""
        for file in self._files:
            file.close()
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Neovim":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- typing ------------------------------------------------------------------------------------------------------

    def command(self, command: str) -> None:
        """Type a command line, from whatever mode."""
        self.terminal.press("Escape", "Escape")
        self.terminal.type(f":{command}\n")

    def insert_at_end(self, sample: EditorSample) -> None:
        """Go to a sample's place and into insert mode, as one does by keys."""
        column = sample.before.rpartition("\n")[2]
        self.terminal.press("Escape", "Escape")
        self.terminal.type(f"{sample.row + 1}G")
        self.terminal.type("A" if column else "I")
        self.world.wait(lambda: self.mode() == "i", "insert mode")

    def start(self, sample: EditorSample) -> str:
        """Open a sample, type what it says, and wait for what is suggested then; that text."""
        self.world.write(sample.name, sample.content)
        self.command(f"edit {sample.name}")
        self.wait_ready()
        self.insert_at_end(sample)
        self.terminal.type(sample.typed, pause=0.03)
        return self.wait_ghost()

    def save(self) -> None:
        """Write the file, and wait until it is written."""
        self.command("write")
        self.world.wait(lambda: not self.rpc.lua("return vim.bo.modified"), "the file to be written")

    def quit(self) -> None:
        """Leave as a user does, and wait until the program has ended."""
        self.command("qall!")
        self.world.wait(lambda: self.terminal.exit_status() is not None, "the end of Neovim")

    # -- looking -----------------------------------------------------------------------------------------------------

    def mode(self) -> str:
        """Neovim's mode, such as n or i."""
        return str(self.rpc.call("nvim_get_mode")["mode"])

    def line(self) -> str:
        """The cursor's line in the buffer."""
        return str(self.rpc.lua("return vim.api.nvim_get_current_line()"))

    def status(self) -> str:
        """What the plugin's part of the status line says."""
        return str(self.rpc.lua("return require('pilotfish').statusline()"))

    def states(self) -> list[str]:
        """All that `status` has said so far, each once in a row."""
        return list(self.rpc.lua("return States"))

    def wait_ready(self) -> None:
        """Wait until the model can be asked."""
        self.world.wait(
            lambda: self.status().startswith(("Pilotfish ready", "Pilotfish working")), "the model"
        )

    def ghost(self) -> str:
        """The suggestion by its marks, tabs as spaces."""
        return self.rpc.ghost()

    def drawn(self) -> str:
        """The suggestion by the terminal's cells: those in its colour, row by row."""
        colour = "#{:06x}".format(
            self.rpc.lua("return vim.api.nvim_get_hl(0, { name = 'PilotfishGhost', link = false }).fg")
        )
        rows = [
            "".join(cell.text for cell in row if cell.style.fg == colour) for row in self.terminal.cells()
        ]
        # Rows behind the buffer's end are marked in the same colour.
        return "\n".join(row.rstrip() for row in rows if row.strip() not in {"", "~"})

    def wait_ghost(self) -> str:
        """Wait until a suggestion is there, is drawn as its marks say, and stays so for a moment; its text."""
        since, last = time.monotonic(), ""

        def settled() -> bool:
            nonlocal since, last
            now = self.ghost()
            if now != last or not now:
                since, last = time.monotonic(), now
            return bool(now) and time.monotonic() - since >= SETTLED and self.drawn() == as_drawn(now)

        self.world.wait(settled, "ghost text, drawn as it is marked")
        return last

    def wait_gone(self) -> None:
        """Wait until no suggestion is drawn."""
        self.world.wait(lambda: not self.ghost() and not self.drawn(), "the end of the ghost text")


def as_drawn(text: str) -> str:
    """A suggestion as `Neovim.drawn` reads it: without empty lines and indentation of later lines kept."""
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip())


RECORD_STATES = """
States = { require('pilotfish').statusline() }
vim.api.nvim_create_autocmd('User', {
  pattern = 'PilotfishStatus',
  callback = function()
    local now = require('pilotfish').statusline()
    if now ~= States[#States] then
      States[#States + 1] = now
    end
  end,
})
"""
