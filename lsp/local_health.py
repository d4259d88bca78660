"""Asks a recorded backend who it is and how it does."""

import asyncio
from dataclasses import dataclass

from pilotfish.lsp.backend_errors import BackendError
from pilotfish.lsp.chunks import parse_event
from pilotfish.lsp.http_errors import mapped
from pilotfish.lsp.http_pool import Endpoint, create_client
from pilotfish.lsp.statefile import Record

PROBE_TIMEOUT = 1.0
MAX_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Health:
    """What ``/health`` says."""

    state: str
    """``loading``, ``ready``, ``failing`` or ``stopping``."""
    detail: str = ""
    """Why, for people."""
    model: str = ""
    version: str = ""


async def health_of(record: Record) -> Health | None:
    """Ask; None unless the very backend of the record answers."""
    from pilotfish.lsp.bounded_body import BoundedBody

    # Without the key: who answers there is what we are about to find out.
    endpoint = Endpoint(record.url, timeout=PROBE_TIMEOUT)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT), create_client(endpoint) as client:
            with mapped(endpoint):
                async with client.stream("GET", "/health") as response:
                    response.stream = BoundedBody(response.stream, limit=MAX_ANSWER)
                    answer = parse_event(await response.aread())
    except (BackendError, TimeoutError):
        return None
    if answer.get("instance_id") != record.instance_id:
        return None
    texts = {name: str(answer.get(name) or "") for name in ("detail", "model", "version")}
    state = "ready" if response.is_success else str(answer.get("state") or "failing")
    return Health(state, **texts)
