"""Docker Compose as a judge of compose files: what it makes of them, without any engine."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / ".cache" / "compose" / "docker-compose"
FILES = ROOT / "backend" / "compose" / "files"

needs_compose = pytest.mark.skipif(
    not PROGRAM.exists(), reason="no Docker Compose in .cache/compose: `make compose` fetches one"
)


def resolved(folder: Path, *profiles: str) -> dict[str, Any]:
    """The project in a folder as Compose understands it, every variable filled in."""
    done = judge(folder, [*(f"--profile={name}" for name in profiles), "config", "--format", "json"])
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def judge(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run Compose on the files of a folder, with nothing in its environment."""
    return subprocess.run(
        [
            str(PROGRAM),
            "--project-directory",
            str(folder),
            "--file",
            str(folder / "compose.yaml"),
            *arguments,
        ],
        env={"PATH": os.defpath, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
