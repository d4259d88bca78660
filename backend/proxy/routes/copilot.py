"""What Copilot's clients ask for before they complete anything."""

import time
from typing import Any

from fastapi import APIRouter, Request

from pilotfish.backend.proxy import schemas
from pilotfish.backend.proxy.auth import presented_key
from pilotfish.backend.proxy.errors import NotFound

from .documents import errors
from .service_of import TheClient, TheService

router = APIRouter()

_LIFE = 3600  # seconds; the client fetches another one in time
_REFRESH = 900


@router.get(
    "/copilot_internal/v2/token", response_model=schemas.CopilotToken, responses=errors(401, 403, 404)
)
async def token(request: Request, service: TheService, _: TheClient) -> dict[str, Any]:
    """A token that works here: the key that the client has shown, if keys are needed."""
    if not service.settings.copilot_token:
        raise NotFound("Copilot's token path is switched off; 'serve --enable-copilot-token' switches it on.")
    shown = presented_key(request.headers) if service.settings.keyed else None
    return {"token": shown or "none", "expires_at": int(time.time()) + _LIFE, "refresh_in": _REFRESH}
