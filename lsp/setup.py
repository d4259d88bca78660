"""``pilotfish setup EDITOR [FILE]``: the lines that make an editor use Pilotfish, with this machine's paths in them.

The lines stand in ``setup_files/EDITOR/FILE``, each in the syntax of the editor's own file, so that standard output
can be appended to it. They are templates (``string.Template``: a dollar sign is written ``$$``); the names that they
may use are the fields of `Paths`.
"""

import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

PROGRAM = "pilotfish"
PLUGINS = {"emacs_plugin": ("pilotfish.emacs", "pilotfish.el"), "neovim_plugin": ("pilotfish.neovim", "lua")}
"""By placeholder: the package, of Lisp or Lua and not of Python, that holds a plugin, and something that is in it."""


class SetupError(Exception):
    """There are no lines to print; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of an editor's configuration that lines are for."""

    name: str
    """As in ``setup_files`` and on the command line."""
    place: str
    """Where it usually is on Linux, for people to read."""


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor, by the name that the command line has for it."""

    name: str
    title: str
    files: tuple[File, ...]


EDITORS = (
    Editor("neovim", "Neovim", (File("init.lua", "~/.config/nvim/init.lua"),)),
    Editor("vscode", "VS Code", (File("install.sh", "a terminal"),)),
    Editor(
        "helix",
        "Helix",
        (
            File("languages.toml", "~/.config/helix/languages.toml"),
            File("config.toml", "~/.config/helix/config.toml"),
        ),
    ),
    Editor("emacs-lsp-mode", "Emacs with lsp-mode", (File("init.el", "~/.emacs.d/init.el"),)),
    Editor("emacs-eglot", "Emacs with eglot", (File("init.el", "~/.emacs.d/init.el"),)),
    Editor("vim", "Vim with ALE", (File("vimrc", "~/.vimrc"),)),
    Editor("kakoune", "Kakoune with kak-lsp", (File("kakrc", "~/.config/kak/kakrc"),)),
    Editor("sublime", "Sublime Text with LSP", (File("LSP.sublime-settings", "LSP's settings"),)),
    Editor("zed", "Zed", (File("settings.json", "~/.config/zed/settings.json"),)),
)


@dataclass(frozen=True, slots=True)
class Paths:
    """What stands for this machine in the templates, as ``$command`` and so on."""

    command: str
    """Full path of the program ``pilotfish``."""
    neovim_plugin: str = ""
    """Folder to add to Neovim's runtime path; empty: it is not installed."""
    emacs_plugin: str = ""
    """Folder to add to Emacs' load path; empty: it is not installed."""

    def values(self) -> Mapping[str, str]:
        """Each as a text in double quotes, which Lua, TOML, Lisp, JSON and Vim read alike; ``shell_…`` for sh.

        Raises ``SetupError`` for a path that can't be written so.
        """
        values = {name: path for name, path in asdict(self).items() if path}
        for path in values.values():
            if not path.isprintable() or "\ufffd" in path:
                raise SetupError(
                    f"the path {path!r} can't be written into a configuration; install elsewhere"
                )
        quoted = {name: json.dumps(path, ensure_ascii=False) for name, path in values.items()}
        return quoted | {f"shell_{name}": shlex.quote(path) for name, path in values.items()}


def run(editor: str | None, file: str | None, *, program: str) -> int:
    """Print the lines for an editor's file, or which editors there are; the exit status.

    ``program`` is how this program was called, ``sys.argv[0]``.
    """
    try:
        if editor is None:
            text = overview()
        else:
            text = lines(editor, file, this_machine(program), one_file=not sys.stdout.isatty())
    except SetupError as error:
        sys.stderr.write(f"pilotfish setup: {error}\n")
        return 2
    sys.stdout.write(text)
    return 0


def overview() -> str:
    """Say which editors and files there are."""
    rows = [
        (f"  pilotfish setup {editor.name}{f' {file.name}' if len(editor.files) > 1 else ''}", editor, file)
        for editor in EDITORS
        for file in editor.files
    ]
    width = max(len(command) for command, _, _ in rows)
    listed = "".join(f"{command:{width}}  {editor.title}: {file.place}\n" for command, editor, file in rows)
    return f"Each prints the lines to paste, or to append with >>, and where they belong:\n\n{listed}"


def lines(editor: str, file: str | None, paths: Paths, *, one_file: bool = True) -> str:
    """Return the lines for one file of an editor, or without a ``file`` for all that it has.

    They begin with an empty line: what they are appended to may not end with a newline. Unless ``one_file`` is false
    a ``file`` must be named where there are several, since their lines would all end up in one of them.

    Raises:
        SetupError: there is no such editor or file, or a path can't be written down.

    """
    found = next((known for known in EDITORS if known.name == editor), None)
    if found is None:
        raise SetupError(f"no editor {editor!r}; there are {', '.join(known.name for known in EDITORS)}")
    names = [known.name for known in found.files]
    if file is not None and file not in names:
        raise SetupError(f"{found.title} has no lines for {file!r}, only for {' and '.join(names)}")
    if file is None and len(names) > 1 and one_file:
        commands = " and ".join(f"pilotfish setup {editor} {name}" for name in names)
        raise SetupError(f"{found.title} needs lines in {len(names)} files, so one at a time: {commands}")
    wanted = names if file is None else [file]
    values = paths.values()
    try:
        return "".join("\n" + Template(template(editor, name)).substitute(values) for name in wanted)
    except KeyError as error:
        missing = str(error.args[0]).replace("_", " ")
        raise SetupError(f"{missing}: not installed beside this program; install Pilotfish again") from None


def template(editor: str, file: str) -> str:
    """The text of a template."""
    return files("pilotfish.lsp").joinpath("setup_files", editor, file).read_text("utf-8")


def this_machine(program: str) -> Paths:
    """Where the program and what comes with it are installed.

    Raises:
        SetupError: something is missing.

    """
    return Paths(str(_command(program)), **{name: plugin(*where) for name, where in PLUGINS.items()})


def _command(program: str) -> Path:
    """The program as it was called, since that name outlives an upgrade; else the one beside the interpreter."""
    called = Path(program).absolute()
    if called.stem == PROGRAM and called.is_file():
        return called
    beside = shutil.which(PROGRAM, path=str(Path(sys.executable).parent)) if sys.executable else None
    if beside is None:
        raise SetupError(f"there is no program {PROGRAM} beside {sys.executable}: pip install pilotfish")
    return Path(beside)


def plugin(package: str, proof: str) -> str:
    """The folder of a plugin that is installed with this program, if ``proof`` is in it; else an empty text."""
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        return ""
    folders = (spec and spec.submodule_search_locations) or ()
    return next((folder for folder in folders if Path(folder, proof).exists()), "")
