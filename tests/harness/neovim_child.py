"""A Neovim without a screen, with the plugin and a language server inside of it: for quick tests of the plugin."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.installed_editors import ROOT, editor
from harness.neovim_rpc import NeovimRpc

MOCK = Path(__file__).with_name("neovim_mock.lua")
PLUGIN = ROOT / "editors/neovim"
DEADLINE = 30.0


class NeovimChild(NeovimRpc):
    """`nvim --embed` in a folder; `setup` are Lua options beside the one that connects it. Use it in `with`."""

    def __init__(self, version: str, folder: Path, *, setup: str = "{}", before: str = "") -> None:
        self._folder = folder
        (folder / "first.lua").write_text(
            f"vim.opt.runtimepath:append({json.dumps(str(PLUGIN))})\n"
            f"dofile({json.dumps(str(MOCK))})\n"
            f"vim.o.swapfile = false\n{before}\n"
            f"require('pilotfish').setup(vim.tbl_extend('force', {{ cmd = Mock.connect }}, {setup}))\n"
        )
        argv = [str(editor(f"neovim-{version}", "nvim")), "--embed", "--headless", "--clean"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            [*argv, "-u", str(folder / "first.lua")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin
        assert self._process.stdout
        super().__init__(self._process.stdout, self._process.stdin)

    def open(self, text: str, name: str = "a.py") -> None:
        """Write and open a file, its text exactly, and wait until the language server is attached."""
        path = self._folder / name
        path.write_bytes(text.encode())
        self.command(f"edit {path}")
        self.wait(lambda: self.lua("return require('pilotfish.client').of() ~= nil"), "the client")

    def suggest(self, *texts: str, over: int = 0) -> None:
        """Have the language server suggest these from now on, wherever it is asked."""
        self.lua("Mock.suggest(...)", list(texts), over)

    def count(self, method: str) -> int:
        """How many such messages have reached the language server."""
        return int(self.lua("return Mock.count(...)", method))

    def keys(self, keys: str) -> None:
        """Type, with names such as <Tab>."""
        self.call("nvim_input", keys)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Poll until the condition holds (AssertionError)."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"waited for {what}: {self.lines()}, ghost {self.ghost()!r}\n{self.messages()}"
                )
            time.sleep(0.005)

    def wait_ghost(self, text: str) -> None:
        """Wait until exactly that is drawn."""
        self.wait(lambda: self.ghost() == text, f"ghost text {text!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
