"""A workspace whose own files have the names of what we import: none of it runs in our processes."""

import subprocess
from pathlib import Path

import pytest

from harness.environment import isolated
from harness.fixtures import OpenEditor
from harness.processes import MockBackend
from harness.programs import backend, language_server
from harness.samples import REFERENCE, SUM

NAMES = (
    "asyncio.py",
    "logging.py",
    "sitecustomize.py",
    "usercustomize.py",
    "httpx.py",
    "pygls/__init__.py",
    "pilotfish/__init__.py",
    "lsp/__init__.py",
    "backend/__init__.py",
)


@pytest.fixture
def hostile(workspace: Path) -> Path:
    """A workspace in which every module notes that it ran."""
    for name in NAMES:
        path = workspace / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"import pathlib\npathlib.Path({str(workspace / 'ran')!r}).touch()\nraise SystemExit(99)\n"
        )
    return workspace


async def test_the_language_server(hostile: Path, open_editor: OpenEditor, mock: MockBackend) -> None:
    """Started in the workspace, as editors do, it works and runs none of the workspace's modules."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    assert not (hostile / "ran").exists()


@pytest.mark.parametrize(
    "command",
    [[*language_server(), "--version"], [*language_server(), "doctor"], [*backend(), "models"]],
    ids=["version", "doctor", "models"],
)
def test_our_commands(hostile: Path, tmp_path: Path, command: list[str]) -> None:
    """The same holds for what is typed in the workspace's terminal."""
    run = subprocess.run(
        command, cwd=hostile, env=isolated(tmp_path / "home"), capture_output=True, timeout=60, check=False
    )
    assert run.returncode in {0, 1}, run.stderr
    assert not (hostile / "ran").exists()
