"""What the windows of one user know of a local backend, in files: who runs, who starts, who said stop, what crashed.

The backend itself writes its record when it listens and removes it when it ends; the rest is the launcher's.
Every file may be missing, broken, or left behind by a process that was killed.
"""

import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotfish.lsp.secret import Secret

MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """A backend that said that it runs."""

    pid: int
    port: int
    api_key: Secret
    instance_id: str
    """What its ``/health`` must answer with: a port or a pid alone may be somebody else's by now."""
    model: str = ""
    version: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Starting:
    """A backend on its way, noted before it gets its key, so that nobody starts a second one beside it."""

    pid: int
    since: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one user's backend for one model."""

    record: Path
    starting: Path
    lock: Path
    stopped: Path
    """Exists after an explicit stop, until someone says start."""
    crashes: Path
    log: Path

    @staticmethod
    def of(model: str, *, state: Path, logs: Path) -> "Places":
        """Name the files for a model's name or path."""
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", model)[-40:].strip("-.")
        name = f"{readable}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"
        return Places(
            record=state / f"{name}.json",
            starting=state / f"{name}.starting",
            lock=state / f"{name}.lock",
            stopped=state / f"{name}.stopped",
            crashes=state / f"{name}.crashes",
            log=logs / f"backend-{name}.log",
        )


def read_record(path: Path) -> Record | None:
    """Read a backend's record; None when there is none that can be trusted."""
    fields = read_private(path)
    port = fields.get("port")
    key, instance = fields.get("api_key"), fields.get("instance_id")
    pid = _pid(fields)
    if pid is None or not isinstance(port, int) or not 0 < port < 65536:
        return None
    if not isinstance(key, str) or not isinstance(instance, str) or not instance:
        return None
    model, version = fields.get("model"), fields.get("version")
    return Record(pid, port, Secret(key), instance, model=str(model or ""), version=str(version or ""))


def read_starting(path: Path) -> Starting | None:
    """Read who is being started, if anyone."""
    fields = read_private(path)
    pid, since = _pid(fields), fields.get("since")
    return Starting(pid, float(since)) if pid is not None and isinstance(since, int | float) else None


def read_private(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file that is ours alone; anything else reads as empty.

    A record sends the user's text to a port: one that another user could have written is not believed.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (
                status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077
            ):
                return {}
            fields = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def write_private(path: Path, fields: Mapping[str, Any]) -> None:
    """Replace a file (mode 0600) as a whole; a reader sees the old one or the new one. Raises ``OSError``."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(fields, file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _pid(fields: Mapping[str, Any]) -> int | None:
    pid = fields.get("pid")
    # 0 and below would mean whole process groups to os.kill, and what no C integer holds makes it raise.
    return pid if isinstance(pid, int) and not isinstance(pid, bool) and 1 < pid < 2**31 else None
