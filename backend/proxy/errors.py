"""Errors as clients see them: one tree, one envelope, one place where an engine's errors become ours.

The envelope is OpenAI's, ``{"error": {"message", "type", "param", "code"}}``, for every answer that is not a
success, those of the router and of the JSON parser included.
"""

import http
import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .engines.base import EngineBusy, EngineError, EngineRefusal, EngineTimeout, EngineUnavailable

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

log = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer that is not a success.

    ``param`` names the request's field at fault, ``code`` is for programs, ``message`` for people.
    """

    status = 500
    type = "server_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def envelope(self) -> dict[str, Any]:
        """The body that goes over the wire."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}


class BadRequest(ApiError):
    """The request is wrong as it stands."""

    status = 400
    type = "invalid_request_error"


class Unauthorized(BadRequest):
    """No API key, or none that we know."""

    status = 401


class Forbidden(BadRequest):
    """The request came by a way that is not allowed."""

    status = 403


class NotFound(BadRequest):
    """No such path or model."""

    status = 404


class MethodNotAllowed(BadRequest):
    """The path exists, for other methods."""

    status = 405


class BodyTimeout(BadRequest):
    """The client was too slow to send its request."""

    status = 408


class BodyTooLarge(BadRequest):
    """The request's body is longer than we read."""

    status = 413


class ClientGone(ApiError):
    """The client closed the connection; nobody reads the answer, only metrics know this status."""

    status = 499


class _Retryable(ApiError):
    """``retry_after``: seconds after which trying again makes sense."""

    def __init__(self, message: str, *, retry_after: float, code: str | None = None) -> None:
        super().__init__(message, code=code, headers={"retry-after": str(max(1, math.ceil(retry_after)))})


class TooManyRequests(_Retryable):
    """The queue is full, or a key has used up its share."""

    status = 429
    type = "rate_limit_error"


class Unavailable(_Retryable):
    """No answer now, perhaps later."""

    status = 503


class GatewayTimeout(ApiError):
    """The engine took too long."""

    status = 504


_BY_STATUS = {404: NotFound, 405: MethodNotAllowed}


def from_engine(error: EngineError) -> ApiError:
    """What a client is told about an engine's error."""
    if isinstance(error, EngineRefusal):
        return BadRequest(str(error), param=error.field, code="unsupported_value")
    if isinstance(error, EngineBusy):
        return TooManyRequests(f"The engine is busy: {error}", retry_after=1, code="engine_busy")
    log.warning("engine: %s: %s", type(error).__name__, error)
    if isinstance(error, EngineUnavailable):
        return Unavailable(f"The engine is not available: {error}", retry_after=1, code="engine_unavailable")
    if isinstance(error, EngineTimeout):
        return GatewayTimeout(f"The engine took too long: {error}", code="engine_timeout")
    return ApiError(f"The engine failed: {error}", code="engine_error")


def install(app: "FastAPI") -> None:
    """Make every error of the application leave in the envelope."""
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    def answer(error: ApiError) -> "Response":
        return JSONResponse(error.envelope(), error.status, error.headers)

    async def ours(_: "Request", error: Exception) -> "Response":
        assert isinstance(error, ApiError)
        return answer(error)

    async def engines(_: "Request", error: Exception) -> "Response":
        assert isinstance(error, EngineError)
        return answer(from_engine(error))

    async def routers(request: "Request", error: Exception) -> "Response":
        assert isinstance(error, HTTPException)
        kind = _BY_STATUS.get(error.status_code, BadRequest)
        phrase = http.HTTPStatus(error.status_code).phrase
        mapped = kind(f"{phrase}: {request.method} {request.url.path}", headers=error.headers)
        return JSONResponse(mapped.envelope(), error.status_code, mapped.headers)

    async def bugs(_: "Request", _error: Exception) -> "Response":
        return answer(
            ApiError("The server failed on this request; its log says more.", code="internal_error")
        )

    app.add_exception_handler(ApiError, ours)
    app.add_exception_handler(EngineError, engines)
    app.add_exception_handler(HTTPException, routers)
    app.add_exception_handler(Exception, bugs)
