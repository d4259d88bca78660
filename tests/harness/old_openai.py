"""An interpreter with openai-python 0.28, the client of FauxPilot's days."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

CACHE = Path(__file__).parents[2] / ".cache"


def interpreter() -> Path:
    """The interpreter, made once and kept under .cache; skips the test, with the reason, if it can't be made."""
    home = CACHE / "openai-0.28"
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    CACHE.mkdir(exist_ok=True)
    with FileLock(CACHE / "openai-0.28.lock", timeout=100):
        if (home / "ready").exists():
            return python
        shutil.rmtree(home, ignore_errors=True)
        try:
            subprocess.run(
                [sys.executable, "-m", "venv", str(home)], check=True, capture_output=True, timeout=60
            )
            subprocess.run(
                [str(python), "-m", "pip", "install", "--quiet", "openai==0.28.*"],
                check=True,
                capture_output=True,
                text=True,
                timeout=90,
            )
        except (subprocess.SubprocessError, OSError) as error:
            detail = getattr(error, "stderr", None) or error
            pytest.skip(f"openai 0.28 can't be installed here: {str(detail).strip()[-300:]}")
        (home / "ready").touch()
        return python
