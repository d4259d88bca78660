"""A server that speaks the Hugging Face hub's HTTP for one repository of several files.

Large files are those of Git LFS, told by their SHA-256; small ones are git's own, told by their SHA-1.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from harness.http_thread import ThreadHandler, ThreadServer, running

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".bin")


@dataclass
class CheckpointHub:
    """What the server has, what it does wrong, and what it was asked."""

    repository: str
    files: Mapping[str, bytes]
    cut: dict[str, int] = field(default_factory=dict)
    """Close the connection after so many bytes of a file, and refuse the rest, once."""
    damaged: set[str] = field(default_factory=set)
    """Files that come with another byte than promised."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Files that were downloaded, with their Range."""
    refuse: bool = False
    address: str = ""

    def etag(self, name: str) -> str:
        """The hash by which the hub tells a file."""
        data = self.files[name]
        if name.endswith(LARGE):
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0%s" % (len(data), data), usedforsecurity=False).hexdigest()

    def listing(self) -> bytes:
        """What the hub's API says of the repository."""
        siblings = [{"rfilename": name, "size": len(data)} for name, data in self.files.items()]
        return json.dumps({"id": self.repository, "sha": COMMIT, "siblings": siblings}).encode()


class _Server(ThreadServer):
    def __init__(self, state: CheckpointHub) -> None:
        super().__init__(_Handler)
        self.state = state


class _Handler(ThreadHandler, BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        """Tell of a file."""
        state, name = self.server.state, self._name()
        if state.refuse or name not in state.files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        large = name.endswith(LARGE)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{state.etag(name)}"'}
        if large:
            headers |= {
                "X-Linked-Etag": f'"{state.etag(name)}"',
                "X-Linked-Size": str(len(state.files[name])),
            }
        self._send(200, b"", headers, length=len(state.files[name]))

    def do_GET(self) -> None:
        """Send the listing, a file, or a part of one."""
        state = self.server.state
        if self.path.startswith(f"/api/models/{state.repository}") and not state.refuse:
            self._send(200, state.listing(), {"Content-Type": "application/json"})
            return
        name = self._name()
        if state.refuse or name not in state.files:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
            return
        asked = self.headers.get("Range")
        state.asked.append((name, asked))
        start = int(re.findall(r"\d+", asked)[0]) if asked else 0
        data = state.files[name]
        if name in state.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        if name in state.cut:
            end = state.cut[name]
            self._send(206 if start else 200, data[start:end], headers, length=len(data) - start)
            self.close_connection = True
            state.refuse = True
            return
        self._send(206 if start else 200, data[start:], headers)

    def _name(self) -> str:
        return self.path.removeprefix(f"/{self.server.state.repository}/resolve/{COMMIT}/")

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str], *, length: int | None = None
    ) -> None:
        self.head(status, headers, len(body) if length is None else length)
        self.wfile.write(body)


@contextmanager
def checkpoint_hub(repository: str, files: Mapping[str, bytes]) -> Iterator[CheckpointHub]:
    """Run one in a thread."""
    state = CheckpointHub(repository, files)
    server = _Server(state)
    state.address = server.address
    with running(server):
        yield state
