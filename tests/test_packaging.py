"""What is installed: the wheel, built from the source distribution, in an environment of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.environment import KEPT

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PARTS = ("pyproject.toml", "README.md", "LICENSE", "lsp", "backend", "editors/emacs", "editors/neovim")
HEAVY = (
    "torch", "transformers", "numpy", "fastapi", "starlette", "pydantic", "grpc", "tritonclient", "uvicorn",
    "xllamacpp", "gguf", "huggingface_hub", "rich", "httpx", "httpcore", "truststore", "pathspec",
)  # fmt: skip
"""What the language server must not import in order to start."""

DATA = {".py", ".html", ".css", ".yaml", ".yml", ".json", ".Dockerfile"}
"""Suffixes of what is installed."""

NEOVIM_PARTS = ("lua", "doc", "plugin")
"""What of the Neovim plugin is installed; its tests and its tools' settings are not."""


def run(
    argv: Sequence[str | Path], *, cwd: Path, env: dict[str, str] | None = None, timeout: float = 110
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_every_package_on_disk_is_listed() -> None:
    """A package that is missing from the list imports in a checkout, but is missing from the wheel."""
    on_disk = {
        ".".join(("pilotfish", *path.parent.relative_to(ROOT).parts))
        for folder in ("lsp", "backend")
        for path in (ROOT / folder).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == {*on_disk, "pilotfish.emacs", "pilotfish.neovim"}


def test_every_module_is_in_a_package() -> None:
    """A folder with modules, but without __init__.py, would be left out of the wheel too."""
    folders = {path.parent for folder in ("lsp", "backend") for path in (ROOT / folder).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, itself built from a copy: building writes into the source folder."""
    copy = tmp_path_factory.mktemp("source")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, copy / part)
    done = run([sys.executable, "-m", "build", "--outdir", copy / "dist", copy], cwd=copy)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (copy / "dist").glob("*.whl")
    assert len(list((copy / "dist").glob("*.tar.gz"))) == 1
    return built


@dataclass(frozen=True)
class Installed:
    """An environment in which the wheel is installed, and a folder to run things in."""

    bin: Path
    site: Path
    folder: Path

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, with no variable set that changes how Python starts."""
        kept = {key: os.environ[key] for key in KEPT if key in os.environ and key != "VIRTUAL_ENV"}
        return run(
            [self.bin / name, *arguments], cwd=self.folder, env={**kept, "HOME": str(self.folder)}, timeout=60
        )

    def python(self, code: str) -> str:
        """Run code; its output."""
        done = self.run("python", "-P", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel alone, without extras, as beside an editor."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    programs = folder / "venv" / "bin"
    done = run(
        [sys.executable, "-m", "pip", "--python", programs / "python", "install", "-q", wheel], cwd=folder
    )
    assert done.returncode == 0, done.stderr
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    return Installed(programs, site, folder)


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Only pilotfish/ and its dist-info, every module that is on disk, and no pilotfish/__init__.py."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {"pilotfish"}
    modules = {name for name in names if not re.match(r"pilotfish-[^/]+\.dist-info/", name)}
    on_disk = {
        f"pilotfish/{path.relative_to(ROOT).as_posix()}"
        for folder in ("lsp", "backend")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in DATA or path.name in {"py.typed", "VERSION"}
    }
    setup = {path for path in (ROOT / "lsp" / "setup_files").rglob("*") if path.is_file()}
    neovim = {path for part in NEOVIM_PARTS for path in (ROOT / "editors" / "neovim" / part).rglob("*.*")}
    on_disk |= {f"pilotfish/{path.relative_to(ROOT).as_posix()}" for path in setup}
    emacs = set((ROOT / "editors" / "emacs").glob("*.el"))
    on_disk |= {f"pilotfish/{path.relative_to(ROOT / 'editors').as_posix()}" for path in neovim | emacs}
    assert modules == on_disk
    assert "pilotfish/__init__.py" not in names


def test_the_wheel_installs_two_programs(wheel: Path) -> None:
    """There are pilotfish and pilotfish-backend, no others."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        lines = archive.read(name).decode().split("\n")
    assert [line.split(" =")[0] for line in lines if "=" in line] == ["pilotfish", "pilotfish-backend"]


def test_base_install_runs(installed: Installed) -> None:
    """Without extras both programs tell their version."""
    version = (ROOT / "lsp" / "VERSION").read_text().strip()
    for name in ("pilotfish", "pilotfish-backend"):
        done = installed.run(name, "--version")
        assert (done.returncode, done.stdout.strip()) == (0, f"{name} {version}"), done.stderr


@pytest.mark.parametrize(
    ("editor", "plugin", "proof"),
    [("neovim", "neovim", "lua/pilotfish/init.lua"), ("emacs-eglot", "emacs", "pilotfish-eglot.el")],
)
def test_base_install_sets_editors_up(installed: Installed, editor: str, plugin: str, proof: str) -> None:
    """The lines name the program that was called and a plugin that is there; what can't be answered is said."""
    done = installed.run("pilotfish", "setup", editor)
    assert done.returncode == 0, done.stderr
    folder = installed.site / "pilotfish" / plugin
    assert f'"{installed.bin / "pilotfish"}"' in done.stdout
    assert f'"{folder}"' in done.stdout
    assert (folder / proof).is_file()
    assert installed.run("pilotfish", "setup", "ed").returncode == 2


def test_base_install_imports_every_module_of_the_language_server(installed: Installed) -> None:
    """No module of the language server needs what only an extra installs."""
    code = (
        "import importlib, pkgutil, pilotfish.lsp as p\n"
        "for m in pkgutil.iter_modules(p.__path__, 'pilotfish.lsp.'):\n"
        "    m.name.endswith('__main__') or importlib.import_module(m.name)\n"
    )
    installed.python(code)


def test_starting_the_language_server_imports_little(installed: Installed) -> None:
    """Importing the server brings in no library that is not needed to answer `initialize`."""
    code = (
        "import sys, json, pilotfish.lsp.server; print(json.dumps([m for m in sys.modules if '.' not in m]))"
    )
    assert not set(json.loads(installed.python(code))).intersection(HEAVY)


@pytest.mark.parametrize("arguments", [("serve",), ("pull",)])
def test_the_backend_without_its_extra_says_what_to_install(
    installed: Installed, arguments: tuple[str, ...]
) -> None:
    """One line that can be pasted, and no traceback."""
    done = installed.run("pilotfish-backend", *arguments)
    assert done.returncode != 0
    assert "pip install 'pilotfish[local]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_without_its_extra_says_what_to_install(installed: Installed) -> None:
    """The same for the demonstration."""
    done = installed.run("pilotfish", "demo")
    assert done.returncode == 1
    assert "pip install 'pilotfish[local]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_installed_has_no_top_level_lsp_or_backend(installed: Installed) -> None:
    """Names as common as lsp and backend stay free for other distributions."""
    assert not {"lsp", "backend", "tests", "bench"}.intersection(
        path.name for path in installed.site.iterdir()
    )
