"""The status page for people: one file, nothing from elsewhere, and the numbers that it polls."""

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from .documents import errors
from .health import report
from .service_of import TheService

router = APIRouter()


@router.get("/", response_class=HTMLResponse, responses=errors(403))
async def page() -> Response:
    """The status page."""
    text, policy = _page()
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return HTMLResponse(text, headers=headers)


@router.get("/status.json", responses=errors(403))
async def status(service: TheService) -> dict[str, Any]:
    """What the status page shows: health, the model, and the last minute."""
    can = service.engine.capabilities if service.vitals.loaded else None
    return {
        **report(service),
        "keyed": service.settings.keyed,
        "uptime_seconds": round(service.clock() - service.pulse.started, 1),
        "served": service.pulse.served,
        "device": can and can.device,
        "context_length": can and can.context_length,
        "fim": can and can.fim,
        "minute": service.pulse.minute(),
    }


@cache
def _page() -> tuple[str, str]:
    """The page and the policy that lets its own script and style run, and nothing else."""
    text = resources.files(__package__).joinpath("status.html").read_text(encoding="utf-8")
    script, style = (_hash(text, tag) for tag in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def _hash(text: str, tag: str) -> str:
    content = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert content is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()}'"
