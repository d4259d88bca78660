"""Who asks: API keys, compared in constant time, read anew when their file changes."""

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import Unauthorized
from .keys import KeyFileError, KeyRecord, digest, load
from .settings import Settings

log = logging.getLogger(__name__)

_SCHEMES = ("bearer", "token")  # the second is what Copilot's clients send when they fetch their token


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever a request is counted for."""

    name: str
    keyed: bool = True
    """Whether an API key told who it is."""
    rate: float | None = None
    concurrency: int | None = None


ANYBODY = Client("anybody", keyed=False)


class Authenticator:
    """Tells the client of a request. A key that is handed over at start may do everything."""

    def __init__(self, settings: Settings) -> None:
        self._keyed = settings.keyed
        self._own = () if settings.api_key is None else (_own_record(settings.api_key),)
        self._file = settings.api_key_file
        self._stamp: tuple[int, ...] | None = None
        self._named: tuple[KeyRecord, ...] = ()

    def client(self, headers: Mapping[str, str]) -> Client:
        """The client that ``Authorization`` names. Raises ``Unauthorized``."""
        if not self._keyed:
            return ANYBODY
        key = presented_key(headers)
        if key is None:
            raise _unauthorized("An API key is needed: send it as 'Authorization: Bearer KEY'.")
        mine = digest(key)
        found: Client | None = None
        # All are compared, found or not, so that the time tells nothing.
        for record in (*self._own, *self._current()):
            if hmac.compare_digest(mine, record.sha256):
                found = Client(record.name, rate=record.rate, concurrency=record.concurrency)
        if found is None:
            raise _unauthorized("This API key is not known here, or was revoked.")
        return found

    def _current(self) -> tuple[KeyRecord, ...]:
        """The file's keys, read again if it is another file than before; a vanished file holds none."""
        if self._file is None:
            return ()
        stamp = _stamp(self._file)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._named = load(self._file)
            except KeyFileError as error:
                log.error("keys: %s; the keys read before stay valid", error)
        return self._named


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key that a request shows, if any."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() in _SCHEMES else None


def _own_record(key: str) -> KeyRecord:
    return KeyRecord("launcher", digest(key), created=0, rate=0, concurrency=0)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _unauthorized(message: str) -> Unauthorized:
    return Unauthorized(message, code="invalid_api_key", headers={"www-authenticate": "Bearer"})
