"""Health for machines: answered from memory, so that they take no time under any load."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from pilotfish.backend.proxy import schemas
from pilotfish.backend.proxy.errors import Unavailable
from pilotfish.backend.proxy.metrics import CONTENT_TYPE
from pilotfish.backend.proxy.service import Service
from pilotfish.backend.version import version

from .documents import errors
from .service_of import TheClient, TheService

router = APIRouter()

_UNREADY: dict[int | str, dict[str, Any]] = {
    **errors(403, 503),
    503: {
        "model": schemas.Health,
        "description": "Not ready; `error` says why.",
        "headers": errors(503)[503]["headers"],
    },
}


@router.get("/health/live", response_model=schemas.Liveness, responses=errors(403))
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", response_model=schemas.Health, responses=_UNREADY)
async def ready(service: TheService) -> Response:
    """Whether the engine gave a real token a moment ago."""
    return _answer(service)


@router.get("/health", response_model=schemas.Health, responses=_UNREADY)
async def health(service: TheService) -> Response:
    """The same, with who this is."""
    return _answer(service)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **errors(401, 403)},
)
async def metrics(service: TheService, _: TheClient) -> Response:
    """Counters for Prometheus."""
    return Response(service.metrics.render(), headers={"content-type": CONTENT_TYPE})


def report(service: Service) -> dict[str, Any]:
    """What ``/health`` tells."""
    vitals = service.vitals
    age = vitals.proof_age
    return {
        "state": vitals.state,
        "ready": vitals.state == "ready",
        "instance_id": service.settings.instance_id,
        "version": version(),
        "model": service.model,
        "engine": service.engine.capabilities.engine if vitals.loaded else "",
        "detail": vitals.detail,
        "proof_age_seconds": None if age is None else round(age, 3),
        "running": service.slots.running,
        "waiting": service.slots.waiting,
        "slots": service.slots.count,
    }


def _answer(service: Service) -> Response:
    body = report(service)
    if body["ready"]:
        return JSONResponse({**body, "error": None})
    trouble = Unavailable(body["detail"] or "", retry_after=1, code=body["state"])
    return JSONResponse({**body, **trouble.envelope()}, trouble.status, trouble.headers)
