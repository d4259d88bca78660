"""The API keys' file: named, revocable, hashes only.

A key is 256 random bits, so a plain SHA-256 is as good as a slow hash: there is nothing to guess. The file is
JSON, ``{"version": 1, "keys": [{"name", "sha256", "created", "rate", "concurrency"}]}``, readable by its
owner only, replaced as a whole and never written by two processes at once.
"""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .private_file import write_private

PREFIX = "pf-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class KeyFileError(Exception):
    """The key file can't be used as it is, or what was asked of it can't be done."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key, without the key."""

    name: str
    sha256: str
    """Of the key's UTF-8 bytes, in hex."""
    created: int
    """Unix time."""
    rate: float | None = None
    """Requests per minute; None: the server's default; 0: no limit."""
    concurrency: int | None = None
    """Requests at once; None: the server's default; 0: no limit."""


def digest(key: str) -> str:
    """The hash under which a key is stored."""
    return hashlib.sha256(key.encode()).hexdigest()


def load(path: Path) -> tuple[KeyRecord, ...]:
    """All keys of a file; none if there is no file. Raises ``KeyFileError`` that names the file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return tuple(KeyRecord(**entry) for entry in data["keys"])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeyFileError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise KeyFileError(f"{path} is not a key file of pilotfish-backend") from error


def key_name(text: str) -> str:
    """A name that a key may have: itself. Raises ``ValueError`` that says what is expected."""
    if not _NAME.fullmatch(text):
        raise ValueError("expected up to 64 letters, digits and . _ @ -")
    return text


def add(path: Path, name: str, *, rate: float | None = None, concurrency: int | None = None) -> str:
    """Make a key and store its hash; the key itself is returned and nowhere kept. Raises ``KeyFileError``."""
    try:
        key_name(name)
    except ValueError as error:
        raise KeyFileError(f"{name!r} is no name for a key: {error}") from None
    key = PREFIX + secrets.token_urlsafe(32)
    with _changing(path) as records:
        if any(record.name == name for record in records):
            raise KeyFileError(f"there is a key named {name} already; revoke it first")
        records.append(KeyRecord(name, digest(key), int(time.time()), rate, concurrency))
    return key


def revoke(path: Path, name: str) -> None:
    """Forget a key; running servers notice at the next request. Raises ``KeyFileError``."""
    with _changing(path) as records:
        left = [record for record in records if record.name != name]
        if len(left) == len(records):
            raise KeyFileError(f"there is no key named {name} in {path}")
        records[:] = left


@contextmanager
def _changing(path: Path) -> Iterator[list[KeyRecord]]:
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(f"{path}.lock", timeout=10, mode=0o600):
            records = list(load(path))
            yield records
            _replace(path, records)
    except Timeout:
        raise KeyFileError(f"another process is changing {path}") from None
    except OSError as error:
        raise KeyFileError(f"can't write {path}: {error.strerror}") from error


def _replace(path: Path, records: Sequence[KeyRecord]) -> None:
    text = json.dumps({"version": 1, "keys": [asdict(record) for record in records]}, indent=1) + "\n"
    write_private(path, text)
