"""The Lisp for Emacs by itself: it compiles without a warning, and its ghost text keeps its word on awkward places."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.installed_editors import editor

FOLDER = Path(__file__).parents[2] / "editors/emacs"
TESTS = Path(__file__).with_name("emacs_ghost_tests.el")


def batch(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Emacs without a screen."""
    return subprocess.run(
        [editor("emacs", "emacs"), "--no-init-file", "--batch", *arguments],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize("name", ["pilotfish-ghost", "pilotfish", "pilotfish-eglot", "pilotfish-lsp-mode"])
def test_it_compiles_without_a_warning(tmp_path: Path, name: str) -> None:
    """Each file, with Emacs' own conventions for documentation."""
    shutil.copytree(FOLDER, tmp_path / "lisp")
    strict = "(progn (package-activate-all) (setq byte-compile-error-on-warn t))"
    file = tmp_path / "lisp" / f"{name}.el"
    done = batch(tmp_path, "--eval", strict, "-L", file.parent, "-f", "batch-byte-compile", file)
    assert done.returncode == 0, done.stderr
    # Its guesses at verbs are wrong as often as not.
    lenient = "(setq checkdoc-verb-check-experimental-flag nil)"
    checked = batch(tmp_path, "--eval", lenient, "--eval", f'(checkdoc-file "{file}")')
    assert "Warning" not in checked.stderr, checked.stderr


def test_ghost_text(tmp_path: Path) -> None:
    """All of emacs_ghost_tests.el, which says what each is."""
    done = batch(tmp_path, "-L", FOLDER, "--load", TESTS, "-f", "ert-run-tests-batch-and-exit")
    assert done.returncode == 0, done.stderr
    assert " 0 unexpected" in done.stderr.replace("results as expected, ", "results, ")
