"""Around every request: is it meant for this server, how did it end, how long did it take; never its text."""

import ipaddress
import logging
import secrets
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Forbidden
from .metrics import Metrics

log = logging.getLogger(__name__)


class Access:
    """ASGI middleware: a request id, a log line and metrics by route, and the check of the Host header."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, clock: Callable[[], float], any_host: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, watch its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._clock()
        status = 499  # until an answer begins, the client may leave without one
        request_id = f"req_{secrets.token_hex(8)}"

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if self._any_host or is_local_name(Headers(scope=scope).get("host", "")):
                await self._app(scope, receive, watched)
            else:
                await _refuse_host(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = self._clock() - started
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            quiet = route.startswith("/health") or route in {"/metrics", "/status.json"}
            log.log(
                logging.DEBUG if quiet else logging.INFO,
                "%s %s %s %d %.0f ms",
                request_id,
                scope["method"],
                route,
                status,
                1000 * seconds,
            )


def is_local_name(host: str) -> bool:
    """Whether a Host header means this machine itself.

    A web page whose own name was made to lead to 127.0.0.1 would pass for one of ours, but for that name.
    """
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower()
    if not name or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _refuse_host(scope: Scope, receive: Receive, send: Send) -> None:
    error = Forbidden(
        "Without API keys this server answers only to names of its own machine, such as localhost.",
        code="host_not_allowed",
    )
    await JSONResponse(error.envelope(), error.status)(scope, receive, send)
