"""The environment in which tests start programs: a home of its own, no proxies, no one's settings."""

import os
from collections.abc import Mapping
from pathlib import Path

KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")


def isolated(home: Path, **changes: str) -> dict[str, str]:
    """Environment for a child process whose home and XDG directories lie under `home` (made if absent)."""
    directories = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_DATA_HOME": home / "data",
        "XDG_STATE_HOME": home / "state",
        "XDG_RUNTIME_DIR": home / "run",
    }
    for directory in directories.values():
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {"LANG": "C.UTF-8", **kept, **{name: str(path) for name, path in directories.items()}, **changes}


def with_harness(environment: Mapping[str, str]) -> dict[str, str]:
    """The same with this package importable, for the harness's own programs."""
    return {**environment, "PYTHONPATH": str(Path(__file__).parents[1])}
