"""Who may use a team backend: a first API key, and one for Prometheus."""

from dataclasses import dataclass, field
from pathlib import Path

from pilotfish.backend.proxy import keys
from pilotfish.backend.proxy.private_file import write_private

from .errors import ComposeError
from .folder import KEYS, own, own_keys
from .team import Team

PROMETHEUS = "prometheus"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that nobody can be shown again."""

    name: str
    key: str = field(repr=False)


def first_key(team: Team, name: str) -> NewKey | None:
    """Make a first key; None if there are keys already, which all stay. Raises ``ComposeError``."""
    file = team.keys_dir / KEYS
    try:
        if any(record.name != PROMETHEUS for record in keys.load(file)):
            return None
        key = keys.add(file, name)
        own_keys(team)
    except keys.KeyFileError as error:
        raise ComposeError(str(error)) from error
    except OSError as error:
        raise ComposeError(f"can't write {file}: {error.strerror}") from error
    return NewKey(name, key)


def metrics_key(team: Team, secret: Path) -> None:
    """Let Prometheus in with a key of its own, which lies in the file ``secret``; once there, it stays.

    Raises ``ComposeError``.
    """
    file = team.keys_dir / KEYS
    try:
        known = any(record.name == PROMETHEUS for record in keys.load(file))
        if known and secret.exists():
            return
        if known:
            keys.revoke(file, PROMETHEUS)
        write_private(secret, keys.add(file, PROMETHEUS))
        own_keys(team)
        own(secret, team)
    except keys.KeyFileError as error:
        raise ComposeError(str(error)) from error
    except OSError as error:
        raise ComposeError(f"can't write {secret}: {error.strerror}") from error


def count_keys(team: Team) -> int:
    """How many keys people have. Raises ``ComposeError`` if their file can't be read."""
    try:
        return sum(record.name != PROMETHEUS for record in keys.load(team.keys_dir / KEYS))
    except keys.KeyFileError as error:
        raise ComposeError(str(error)) from error
