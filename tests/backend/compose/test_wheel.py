"""The wheel that the images are built from."""

import base64
import csv
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from pilotfish.backend.compose.wheel import write_wheel
from pilotfish.backend.version import version

ROOT = Path(__file__).parents[3]


def test_what_is_installed_here_is_packed(tmp_path: Path) -> None:
    """Every module and file of both packages; no cache, no bytecode; metadata with the extras that images ask for."""
    wheel = write_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        contents = {name: archive.read(name) for name in names}
        record = contents[f"pilotfish-{version()}.dist-info/RECORD"].decode()
        rows = {row[0]: tuple(row[1:]) for row in csv.reader(record.splitlines())}
        metadata = archive.read(f"pilotfish-{version()}.dist-info/METADATA").decode()
    for folder in ("lsp", "backend"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"pilotfish/{path.relative_to(ROOT).as_posix()}" in names
    assert not [name for name in names if name.endswith(".pyc")]
    assert set(rows) == names
    for name, (digest, size) in rows.items():
        if not name.endswith("/RECORD"):
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={sha256}", str(len(contents[name])))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"triton", "convert"} <= set(extras)
    assert "Provides-Extra: triton" in metadata
    assert "Provides-Extra: convert" in metadata


def test_pip_installs_it_and_its_program_runs(tmp_path: Path) -> None:
    """Into an empty folder, with hashes that hold; its version is that of what packed it."""
    wheel = write_wheel(tmp_path)
    target = tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, timeout=60)
    done = subprocess.run(
        [str(target / "bin" / "pilotfish-backend"), "--version"],
        env={"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"pilotfish-backend {version()}"
    assert (target / "pilotfish/backend/compose/files/compose.yaml").is_file()


def test_the_same_files_give_the_same_wheel(tmp_path: Path) -> None:
    """So that Docker's cache knows it again; an older one goes."""
    first = write_wheel(tmp_path).read_bytes()
    (tmp_path / "pilotfish-0.0.1-py3-none-any.whl").touch()
    wheel = write_wheel(tmp_path)
    assert wheel.read_bytes() == first
    assert list(tmp_path.glob("*")) == [wheel]
