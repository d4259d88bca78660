"""Who has not installed the editors is told how; who asks for all tests to run gets a failure."""

from pathlib import Path

import pytest

from harness import installed_editors


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of editors that has one of them."""
    monkeypatch.setenv("EDITORS", str(tmp_path))
    program = tmp_path / "ed/bin/ed"
    program.parent.mkdir(parents=True)
    program.touch()


def test_finds_what_is_installed(tmp_path: Path) -> None:
    """Where the variable says."""
    assert installed_editors.editor("ed", "ed") == tmp_path / "ed/bin/ed"


@pytest.mark.parametrize(
    "missing", [lambda: installed_editors.editor("vi", "vi"), installed_editors.user_environment]
)
def test_skips_without_and_says_how_to_install(missing: object) -> None:
    """A skip, which `--no-skips` makes a failure."""
    assert callable(missing)
    with pytest.raises(pytest.skip.Exception, match=r"is not installed; .*make editors"):
        missing()
