"""The settings in force over a session: layers that come and change, and problems that are told once."""

from pathlib import Path

from pilotfish.lsp.configuration import Configuration


def configured(tmp_path: Path, options: object = None) -> Configuration:
    """A configuration without the user's own file."""
    configuration = Configuration({"PILOTFISH_CONFIG": str(tmp_path / "none.toml")})
    configuration.initialize(tmp_path, options)
    return configuration


def test_what_is_pushed_outranks_what_came_first(tmp_path: Path) -> None:
    """What the client pushes goes over initializationOptions, and takes itself back when it says so."""
    configuration = configured(tmp_path, {"completion": {"maxLines": 5}})
    assert configuration.settings.completion.max_lines == 5
    configuration.pushed({"completion": {"max_lines": 7}})
    assert configuration.settings.completion.max_lines == 7
    configuration.pushed({})
    assert configuration.settings.completion.max_lines == 5


def test_the_workspaces_file_is_read_anew(tmp_path: Path) -> None:
    """A change of .pilotfish.toml counts as soon as the client tells of it."""
    configuration = configured(tmp_path)
    (tmp_path / ".pilotfish.toml").write_text("[completion]\nmax_lines = 3\n")
    configuration.reread()
    assert configuration.settings.completion.max_lines == 3


def test_each_problem_is_told_once(tmp_path: Path) -> None:
    """A wrong setting is no news after every change of another one; a new problem is."""
    configuration = configured(tmp_path, {"completion": {"maxLines": "many"}, "exclude": ["!"]})
    told = [str(problem) for problem in configuration.fresh_problems()]
    assert any("completion.max_lines" in text for text in told)
    assert any(text.startswith("exclude:") for text in told)
    configuration.reread()
    assert configuration.fresh_problems() == []
    configuration.pushed({"nonsense": 1})
    assert len(configuration.fresh_problems()) == 1
