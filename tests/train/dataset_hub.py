"""A server that speaks as much of the Hugging Face hub's HTTP as streaming a data set of one file needs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from harness.http_thread import ThreadHandler, ThreadServer, running

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class DatasetHub(ThreadServer):
    """One data set with one file."""

    def __init__(self, repository: str, file: str, data: bytes) -> None:
        super().__init__(_Handler)
        self.repository, self.file, self.data = repository, file, data
        self.requests: list[str] = []


class _Handler(ThreadHandler, BaseHTTPRequestHandler):
    server: DatasetHub

    def do_HEAD(self) -> None:
        """Tell about the file."""
        self.do_GET()

    def do_POST(self) -> None:
        """Answer which of some paths there are."""
        asked = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self.server.requests.append(f"POST {self.path}")
        self._json([self._entry()] if self.server.file in asked else [])

    def do_GET(self) -> None:
        """Answer about the repository, or send the file."""
        hub = self.server
        path = urlsplit(self.path).path
        hub.requests.append(f"{self.command} {path}")
        about = f"/api/datasets/{hub.repository}"
        if path in {about, f"{about}/revision/main", f"{about}/revision/{COMMIT}"}:
            named = {
                "id": hub.repository,
                "sha": COMMIT,
                "private": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
            }
            self._json({**named, "siblings": [{"rfilename": hub.file}]})
        elif path.startswith(f"{about}/tree/"):
            self._json([self._entry()])
        elif path.startswith(f"/datasets/{hub.repository}/resolve/") and path.endswith(f"/{hub.file}"):
            self._send(hub.data, {"ETag": f'"{"0" * 40}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"})
        else:
            known = hub.repository in path
            self._send(b"", {"X-Error-Code": "EntryNotFound" if known else "RepoNotFound"}, 404)

    def _entry(self) -> dict[str, object]:
        return {"type": "file", "path": self.server.file, "size": len(self.server.data), "oid": "0" * 40}

    def _json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        total, wanted = len(body), self.headers.get("Range", "")
        if status == 200 and wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1, total) if last else total
            status, headers = 206, {**headers, "Content-Range": f"bytes {first}-{end - 1}/{total}"}
            body = body[int(first) : end]
        self.head(status, headers, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def dataset_hub(repository: str, file: str, data: bytes) -> Iterator[DatasetHub]:
    """Run it in a thread."""
    server = DatasetHub(repository, file, data)
    with running(server):
        yield server
