"""Which editors ``pilotfish doctor`` finds, and what each needs. For information only."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pilotfish.lsp.child_environment import clean_environment, safe_path
from pilotfish.lsp.findings import Finding, note
from pilotfish.lsp.short_run import running

VERSION_TIMEOUT = 5.0
VERSION = re.compile(rb"\d+(?:\.\d+)+")
MAX_OUTPUT = 65_536


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor and what it can show."""

    name: str
    programs: tuple[str, ...]
    needs: str
    ghost_text_since: tuple[int, ...] = ()
    """From which version on what ``needs`` says holds; empty: any."""
    before: str = ""
    """What to do with an older one."""


EDITORS = (
    Editor(
        "Neovim",
        ("nvim",),
        "ghost text: pilotfish setup neovim prints the lines for init.lua",
        ghost_text_since=(0, 10),
        before="the plugin needs Neovim 0.10 or later",
    ),
    Editor(
        "VS Code",
        ("code", "codium"),
        "ghost text: pilotfish setup vscode says how to install the extension",
        ghost_text_since=(1, 100),
        before="the extension needs VS Code 1.100 or later",
    ),
    Editor(
        "Helix",
        ("hx", "helix"),
        "a hint as ghost text, and the completion menu: pilotfish setup helix prints the lines for its two files",
    ),
    Editor(
        "Emacs",
        ("emacs",),
        "ghost text: pilotfish setup emacs-lsp-mode or pilotfish setup emacs-eglot prints the lines for init.el",
        ghost_text_since=(30,),
        before="pilotfish setup emacs-lsp-mode prints the lines for init.el; with eglot ghost text needs Emacs 30",
    ),
    Editor(
        "Vim",
        ("vim",),
        "suggestions of one line in the completion menu, with ALE: pilotfish setup vim prints the lines for vimrc",
    ),
    Editor(
        "Kakoune",
        ("kak",),
        "suggestions in the completion menu, with kak-lsp: pilotfish setup kakoune prints the lines for kakrc",
    ),
    Editor("Sublime Text", ("subl",), "not tested; pilotfish setup sublime prints what to try"),
    Editor("Zed", ("zed", "zeditor"), "not tested; pilotfish setup zed prints what to try"),
)


async def check_editors(environment: Mapping[str, str], *, workspace: Path) -> AsyncIterator[Finding]:
    """Look for editors on ``PATH``, outside the workspace, and ask each for its version."""
    env = clean_environment(environment, workspace=workspace)
    path = safe_path(environment.get("PATH", ""), workspace)
    for editor in EDITORS:
        program = next((found for name in editor.programs if (found := shutil.which(name, path=path))), None)
        if program is not None:
            version = await _version([program, "--version"], env)
            yield note(editor.name, f"{version or 'version unknown'} ({program})", hint(editor, version))


def hint(editor: Editor, version: str) -> str:
    """What an editor of that version needs."""
    numbers = tuple(int(part) for part in version.split(".")) if version else ()
    old = bool(numbers) and numbers < editor.ghost_text_since
    return editor.before if old else editor.needs


async def _version(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """The first number with dots that a program prints; empty when there is none in time."""
    with suppress(OSError, TimeoutError):
        async with (
            asyncio.timeout(VERSION_TIMEOUT),
            running(argv, env=env, cwd=Path.home(), errors=False) as process,
        ):
            found = VERSION.search(await process.output.read(MAX_OUTPUT))
            return found.group().decode() if found else ""
    return ""
