"""A server that speaks as much of the Hugging Face hub's HTTP as a download needs."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from harness.http_thread import ThreadHandler, ThreadServer, running

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server has, what it shall do wrong, and what was asked of it."""

    repository: str
    file: str
    data: bytes
    cut_after: int | None = None
    """Close the connection after so many bytes of the next download."""
    fail_after_cut: bool = False
    """Answer 500 to whatever comes after a cut."""
    promised: str | None = None
    """Another sha256 than the data's."""
    status: int | None = None
    """Answer every request with this."""
    code: str | None = None
    """With this word of the hub's about the reason."""
    address: str = ""
    ranges: list[str | None] = field(default_factory=list)
    """The Range header of each download."""
    hub_tokens: list[str | None] = field(default_factory=list)
    """The Authorization header of each question to the hub itself."""
    storage_tokens: list[str | None] = field(default_factory=list)
    """Likewise of each download from where the file lies."""
    was_cut: bool = False

    @property
    def sha256(self) -> str:
        """What the server says the file's hash is."""
        return self.promised or hashlib.sha256(self.data).hexdigest()


class _Server(ThreadServer):
    def __init__(self, state: Hub) -> None:
        super().__init__(_Handler)
        self.state = state


class _Handler(ThreadHandler, BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        """Tell about the file, and where it lies: as large files do, on another host."""
        state = self.server.state
        state.hub_tokens.append(self.headers.get("Authorization"))
        if self._refused():
            return
        headers = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{state.sha256}"',
            "X-Linked-Size": str(len(state.data)),
            "ETag": '"something-else"',
            "Location": f"http://localhost:{self.server.server_address[1]}/storage/{state.sha256}",
        }
        self.head(302, headers, 0)

    def do_GET(self) -> None:
        """Send the file, or the part of it that is asked for."""
        state = self.server.state
        if self.path.startswith("/storage/"):
            state.ranges.append(self.headers.get("Range"))
            state.storage_tokens.append(self.headers.get("Authorization"))
        if self._refused():
            return
        if state.was_cut and state.fail_after_cut:
            self._empty(500)
            return
        start = int(re.findall(r"\d+", self.headers.get("Range", "bytes=0-"))[0])
        body = state.data[start:]
        headers = {"Content-Range": f"bytes {start}-{len(state.data) - 1}/{len(state.data)}"} if start else {}
        self.head(206 if start else 200, headers, len(body))
        if state.cut_after is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[: state.cut_after])
        self.wfile.flush()
        state.cut_after, state.was_cut = None, True
        self.close_connection = True

    def _refused(self) -> bool:
        state = self.server.state
        wanted = f"/{state.repository}/resolve/main/{state.file}"
        if state.status is not None:
            self._empty(state.status, state.code)
        elif self.path != wanted and not self.path.startswith("/storage/"):
            self._empty(404, "EntryNotFound" if state.repository in self.path else "RepoNotFound")
        else:
            return False
        return True

    def _empty(self, status: int, code: str | None = None) -> None:
        self.head(status, {} if code is None else {"X-Error-Code": code}, 0)


@contextmanager
def hub(repository: str, file: str, data: bytes) -> Iterator[Hub]:
    """Run a hub with one file in a thread."""
    state = Hub(repository, file, data)
    server = _Server(state)
    state.address = server.address
    with running(server):
        yield state
