"""A team's backend for the tests of editors: the real program with the real model and a key, on loopback.

`older=True` makes it announce an older version than ours: it finds its version where it always does, in the metadata
of the installed distribution, and is shown older ones first.
"""

import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from platformdirs import user_cache_path

from harness.backend_process import BackendProcess
from harness.editor_world import completions_at

DEADLINE = 60.0
OLDER = "0.0.1"
_METADATA = f"Metadata-Version: 2.1\nName: pilotfish\nVersion: {OLDER}\n"


class TeamBackend:
    """`pilotfish-backend serve` with a key; it has loaded its model when `with` begins, and ends with it."""

    def __init__(self, folder: Path, *, older: bool = False) -> None:
        self.key = f"team-{secrets.token_hex(16)}"
        models = folder / "cache/pilotfish/models"
        models.parent.mkdir(parents=True)
        models.symlink_to(user_cache_path("pilotfish") / "models")
        environment = {"PYTHONPATH": str(_older_metadata(folder))} if older else {}
        self._server = BackendProcess(folder, key=self.key, engine="auto", environment=environment)

    @property
    def url(self) -> str:
        """Root of its URLs, as a user types it."""
        return self._server.url

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._server.process
        return self._server.process.pid

    def completions(self) -> int:
        """How many completion requests have reached it, warm-ups and refused ones included."""
        return completions_at(self.url, self.key)

    def __repr__(self) -> str:
        return "TeamBackend()"  # never the key

    def __enter__(self) -> Self:
        self._server.start()
        deadline = time.monotonic() + DEADLINE
        with self._server.client() as client:
            while client.get("/health/ready").status_code != 200:
                assert time.monotonic() < deadline, f"the team's backend did not load within {DEADLINE:g} s"
                time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.end()


def _older_metadata(folder: Path) -> Path:
    place = folder / "older/pilotfish-older.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(_METADATA)
    return place.parent
