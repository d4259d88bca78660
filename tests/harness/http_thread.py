"""HTTP servers of the standard library in a thread of the test's process."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ThreadServer(ThreadingHTTPServer):
    """On a port of this machine; 0: any free one."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)

    @property
    def address(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class ThreadHandler(BaseHTTPRequestHandler):
    """Keeps connections, and is silent.

    Its heirs name ``BaseHTTPRequestHandler`` too, by which ruff knows why their methods are called ``do_GET``.
    """

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Be silent."""

    def head(self, status: int, headers: Mapping[str, str], length: int) -> None:
        """Send all but the body, which will have so many bytes."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()


@contextmanager
def running(server: ThreadServer) -> Iterator[None]:
    """Have it serve while inside."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
