"""Which models are served, and what they can do."""

from typing import Any, Literal

from fastapi import APIRouter

from pilotfish.backend.proxy import schemas
from pilotfish.backend.proxy.schemas import MOST_LOGPROBS, MOST_STOPS, MOST_TEXTS
from pilotfish.backend.proxy.service import Service

from .documents import errors
from .service_of import TheClient, TheService

router = APIRouter()

_SUFFIX_EXTENSIONS = ("fim_middle",)
_EXTENSIONS = ("truncate", "top_k", "warm")


@router.get("/v1/models", response_model=schemas.ModelList, responses=errors(401, 403, 503))
async def models(service: TheService, _: TheClient) -> dict[str, Any]:
    """All models."""
    service.vitals.require_loaded()
    return {"object": "list", "data": [_card(service, "model")]}


@router.get("/v1/models/{model:path}", response_model=schemas.Model, responses=errors(401, 403, 404, 503))
async def model(service: TheService, _: TheClient, model: str) -> dict[str, Any]:
    """One model, by its id or an alias."""
    service.vitals.require_loaded()
    service.check_model(model)
    return _card(service, "model")


@router.get("/v1/engines", response_model=schemas.ModelList, responses=errors(401, 403, 503))
async def engines(service: TheService, _: TheClient) -> dict[str, Any]:
    """All models, as clients of the older API look for them."""
    service.vitals.require_loaded()
    return {"object": "list", "data": [_card(service, "engine")]}


def _card(service: Service, kind: Literal["model", "engine"]) -> dict[str, Any]:
    can, limits = service.engine.capabilities, service.settings.limits
    logprobs = None if can.logprobs is None else min(MOST_LOGPROBS, can.logprobs)
    return {
        "id": can.model,
        "object": kind,
        "created": service.created,
        "owned_by": "pilotfish",
        "context_length": can.context_length,
        "fim": can.fim,
        "prefix_cache": can.prefix_cache,
        "whole_indents": service.whole_indents,
        "engine": can.engine,
        "device": can.device,
        "slots": can.slots,
        "logprobs": logprobs,
        "extensions": [*_EXTENSIONS, *(_SUFFIX_EXTENSIONS if can.fim else ())],
        "limits": {
            "max_prompt_tokens": can.context_length - 1,
            "stop": MOST_STOPS,
            "n": MOST_TEXTS,
            "best_of": 1 if logprobs is None else MOST_TEXTS,
            "sequences": limits.sequences,
            "logprobs": logprobs,
            "body_bytes": limits.body_bytes,
        },
        "aliases": list(service.settings.aliases),
        "ready": service.vitals.state == "ready",
    }
