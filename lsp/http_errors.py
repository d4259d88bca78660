"""Turns what httpx raises and what servers answer into our own errors: the one place that does."""

import json
import ssl
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

from pilotfish.lsp.backend_errors import (
    BackendError,
    BackendTimeout,
    BackendUnreachable,
    BadRequest,
    BadSetting,
    Overloaded,
    ProtocolError,
    Unauthorized,
)
from pilotfish.lsp.http_pool import Endpoint

LONGEST_WAIT = 600.0
"""Seconds; a Retry-After beyond it counts as this."""
SHOWN_REASON = 200
QUOTED = 12
"""A message that has so many characters in a row in common with the prompt counts as quoting it."""

VERDICTS: tuple[tuple[Container[int], type[BackendError], str], ...] = (
    ({407}, Unauthorized, "the HTTP proxy before {where} wants a user and a password in its URL"),
    ({408, 504}, BackendTimeout, "the backend at {where} gave up on the request (HTTP {status})"),
    (range(500, 600), BackendUnreachable, "the backend at {where} has an internal error (HTTP {status})"),
    (range(400, 500), BadRequest, "the backend at {where} refuses the request (HTTP {status})"),
    (
        range(300, 400),
        ProtocolError,
        "{where} redirects elsewhere (HTTP {status}): put that address into backend.url",
    ),
)
"""What a status means; the first row that has it counts."""
BUSY: Mapping[int, str] = {429: "is overloaded", 503: "can't serve now"}
"""Statuses that come with a Retry-After: too much is asked, or what answers is away, loading or full."""


@contextmanager
def mapped(endpoint: Endpoint) -> Iterator[None]:
    """Raise our errors in place of httpx's."""
    import httpx

    where = endpoint.root
    try:
        yield
    except httpx.TimeoutException as error:
        doing = "connect" if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout) else "answer"
        raise BackendTimeout(f"the backend at {where} did not {doing} in time (backend.timeout)") from None
    except httpx.ProxyError:
        raise BackendUnreachable(
            f"the HTTP proxy from the environment refused to connect to {where}"
        ) from None
    except httpx.ConnectError as error:
        raise _no_connection(where, error) from None
    except httpx.TransportError as error:
        # Reset, closed without an answer, or no HTTP at all.
        raise ProtocolError(f"the backend at {where} broke the connection ({type(error).__name__})") from None
    except httpx.InvalidURL:
        raise BadSetting("backend.url is not a valid URL") from None
    except httpx.HTTPError as error:
        raise ProtocolError(
            f"the backend at {where} does not speak HTTP properly ({type(error).__name__})"
        ) from None


def _no_connection(where: str, error: BaseException) -> BackendError:
    fault: BaseException | None = error
    while fault is not None:
        if isinstance(fault, ssl.SSLCertVerificationError):
            return BackendUnreachable(
                f"the certificate of {where} is not trusted ({fault.verify_message}); if it is from an "
                "authority of your own, name that authority's file in backend.ca_file"
            )
        if isinstance(fault, ssl.SSLError):
            return BackendUnreachable(f"no TLS connection to {where} ({fault.reason or 'unknown reason'})")
        fault = fault.__cause__ or fault.__context__
    return BackendUnreachable(f"there is no connection to the backend at {where}")


def status_error(
    endpoint: Endpoint,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    sent: str = "",
    now: float = 0.0,
) -> BackendError:
    """Build the error for an answer that is not 200. 404 is the caller's, who knows what was asked for.

    ``sent`` is the prompt: a reason that quotes it is left out. ``now`` is the time since the epoch.
    """
    if status in BUSY:
        wait = retry_after(headers.get("retry-after"), now=now)
        reason = _quotable(reason_in(body), sent)
        sentence = f"the backend at {endpoint.root} {BUSY[status]} (HTTP {status})"
        return Overloaded(sentence + (reason and f": {reason}"), retry_after=wait)
    if status in {401, 403}:
        return Unauthorized(_unauthorized(endpoint, status))
    for statuses, kind, sentence in VERDICTS:
        if status in statuses:
            reason = _quotable(reason_in(body), sent) if kind is BadRequest else ""
            return kind(sentence.format(where=endpoint.root, status=status) + (reason and f": {reason}"))
    return ProtocolError(f"the backend at {endpoint.root} answered with HTTP {status}")


def stream_error(endpoint: Endpoint, event: Mapping[str, object], *, sent: str = "") -> BackendError:
    """Build the error that a stream reported after its 200."""
    error = event.get("error")
    codes = [error.get("code"), error.get("status")] if isinstance(error, Mapping) else []
    status = next((code for code in codes if isinstance(code, int) and 400 <= code < 600), 500)
    return status_error(endpoint, status, {}, json.dumps(event).encode(), sent=sent)


def retry_after(header: str | None, *, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, given in seconds or as a date; None without a valid one."""
    readers: tuple[Callable[[str], float], ...] = (
        float,
        lambda text: parsedate_to_datetime(text).timestamp() - now,
    )
    for read in readers:
        try:
            wait = read(header or "")
        except (ValueError, TypeError, OverflowError):
            continue
        return min(max(wait, 0.0), LONGEST_WAIT) if wait == wait else None  # noqa: PLR0124  not a number
    return None


def reason_in(body: bytes) -> str:
    """Return what an error's body gives as the reason, in any of the usual envelopes, or nothing."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    error = answer.get("error", answer)
    found = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return " ".join(found.split())[:SHOWN_REASON] if isinstance(found, str) else ""


def _unauthorized(endpoint: Endpoint, status: int) -> str:
    if not endpoint.api_key and status == 401:
        return (
            f"the backend at {endpoint.root} wants an API key: set backend.api_key or backend.api_key_command"
        )
    return (
        f"the backend at {endpoint.root} refuses the API key (HTTP {status}): "
        "check backend.api_key and backend.api_key_command"
    )


def _quotable(reason: str, sent: str) -> str:
    """Return the reason unless it repeats a piece of what was sent: messages end up in logs."""
    text = " ".join(sent.split())
    return "" if any(reason[at : at + QUOTED] in text for at in range(len(reason) - QUOTED + 1)) else reason
