"""``pilotfish setup``: every template makes lines that its editor's syntax allows, whatever the paths."""

import json
import tomllib
from pathlib import Path
from string import Template

import pytest

from pilotfish.lsp.setup import EDITORS, Paths, SetupError, lines, overview, run, template, this_machine

FILES = [(editor.name, file.name) for editor in EDITORS for file in editor.files]
FOLDER = Path(__file__).parents[2] / "lsp" / "setup_files"
AWKWARD = Paths("""/home/Zoë "Z" O'Hara/back\\slash/bin/pilotfish""", "/home/zoë/plug in", "/home/zoë/emacs")


def test_every_template_is_offered() -> None:
    """What lies in setup_files is what the table names."""
    on_disk = [(path.parent.name, path.name) for path in FOLDER.rglob("*") if path.is_file()]
    assert sorted(on_disk) == sorted(FILES)


@pytest.mark.parametrize(("editor", "file"), FILES)
def test_every_template_can_be_filled_in(editor: str, file: str) -> None:
    """The lines begin with an empty one, end with a newline, and hold no placeholder that is unknown."""
    text = lines(editor, file, AWKWARD)
    assert text.startswith("\n")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert Template(template(editor, file)).is_valid()


@pytest.mark.parametrize(("editor", "file"), [names for names in FILES if names[1].endswith(".toml")])
def test_toml_is_toml(editor: str, file: str) -> None:
    """A path with quotes, blanks and backslashes is still the same path when it is read."""
    text = lines(editor, file, AWKWARD)
    read = tomllib.loads(text)
    if "$command" in template(editor, file):
        assert read["language-server"]["pilotfish"]["command"] == AWKWARD.command


def test_paths_are_quoted_for_configurations_and_for_shells() -> None:
    """Both kinds give the path back."""
    values = AWKWARD.values()
    assert json.loads(values["command"]) == AWKWARD.command
    assert values["shell_neovim_plugin"] == "'/home/zoë/plug in'"


@pytest.mark.parametrize("path", ["/home/a\nb/pilotfish", "/home/\udcff/pilotfish"])
def test_a_path_that_no_configuration_can_hold_is_refused(path: str) -> None:
    """Line feeds and bytes that are no text are not written somewhere where they would mean something else."""
    with pytest.raises(SetupError, match="can't be written"):
        lines("vim", "vimrc", Paths(path))


def test_several_files_are_not_mixed() -> None:
    """What is appended to one file is for that file; on a terminal all are shown."""
    with pytest.raises(
        SetupError, match=r"pilotfish setup helix languages.toml and pilotfish setup helix config.toml"
    ):
        lines("helix", None, AWKWARD)
    shown = lines("helix", None, AWKWARD, one_file=False)
    assert shown == lines("helix", "languages.toml", AWKWARD) + lines("helix", "config.toml", AWKWARD)


def test_what_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown editor, an unknown file, and a plugin that is not installed: one line each, and status 2."""
    assert run("ed", None, program="pilotfish") == 2
    assert "no editor 'ed'; there are neovim, vscode" in capsys.readouterr().err
    assert run("vim", "emacs", program="pilotfish") == 2
    assert "no lines for 'emacs', only for vimrc" in capsys.readouterr().err
    with pytest.raises(SetupError, match="neovim plugin: not installed"):
        lines("neovim", None, Paths("/bin/pilotfish"))


def test_without_an_editor_all_are_listed() -> None:
    """One line for each file."""
    assert [f"pilotfish setup {editor}" in overview() for editor, _ in FILES] == [True] * len(FILES)


def test_the_program_is_named_as_it_was_called(tmp_path: Path) -> None:
    """A link that outlives upgrades stays the name; called as a module, it is the program beside Python."""
    link = tmp_path / "pilotfish"
    link.symlink_to(Path(__file__))
    assert this_machine(str(link)).command == str(link)
    beside = Path(this_machine("/lib/pilotfish/lsp/__main__.py").command)
    assert (beside.name, beside.is_file()) == ("pilotfish", True)
