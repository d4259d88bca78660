"""The note by which other processes of the same user find a running server."""

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .private_file import write_private

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """What the note says. It is only written while the port takes connections."""

    pid: int
    port: int
    host: str
    """One by which this machine reaches the server."""
    scheme: str
    """``http`` or ``https``."""
    model: str
    instance_id: str
    """What ``/health`` of this very process shows."""
    version: str
    started: float
    """Unix time."""
    api_key: str | None = field(repr=False)
    """The key that the server was handed at start; None: it was handed none."""


def write_state(path: Path, state: State) -> None:
    """Replace the note as a whole, readable by its owner only. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, json.dumps(asdict(state), indent=1) + "\n")


def remove_state(path: Path, instance_id: str) -> None:
    """Remove the note unless it is another server's by now."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(noted, dict) and noted.get("instance_id") == instance_id:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        log.warning("the state file %s stays: %s", path, type(error).__name__)
