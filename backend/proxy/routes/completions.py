"""The completion itself, on all its paths."""

from contextlib import AsyncExitStack

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from pilotfish.backend.proxy.answer import Envelope, as_chunks, as_object
from pilotfish.backend.proxy.connection import EventStream, attended, read_json_body
from pilotfish.backend.proxy.plan import make_plan
from pilotfish.backend.proxy.schemas import CompletionRequest, CopilotRequest, parse
from pilotfish.backend.proxy.service import Service

from .documents import COMPLETION, COPILOT_COMPLETION
from .service_of import TheService

router = APIRouter()


@router.post("/v1/completions", **COMPLETION)
async def completions(request: Request, service: TheService) -> Response:
    """Complete a text."""
    return await _complete(request, service, None, CompletionRequest)


@router.post("/v1/engines/copilot-codex/completions", **COPILOT_COMPLETION)
async def copilot_completions(request: Request, service: TheService) -> Response:
    """Complete a text for Copilot's clients: fields that we do not know are dropped."""
    return await _complete(request, service, "copilot-codex", CopilotRequest)


@router.post("/v1/engines/{engine}/completions", **COMPLETION)
async def engine_completions(request: Request, service: TheService, engine: str) -> Response:
    """Complete a text with the model that the path names."""
    return await _complete(request, service, engine, CompletionRequest)


async def _complete(
    request: Request, service: Service, engine: str | None, kind: type[CompletionRequest]
) -> Response:
    limits = service.settings.limits
    async with AsyncExitStack() as stack:
        client = stack.enter_context(service.visit(request.headers))
        body = await read_json_body(request, limits)
        service.vitals.require_loaded()
        service.check_model(engine)
        wanted = parse(kind, body)
        service.check_model(wanted.model)
        can = service.engine.capabilities
        plan = make_plan(wanted.within(can), can, limits)
        run = await stack.enter_async_context(service.run(plan, client))
        envelope = Envelope(service.model)
        if not plan.stream:
            return JSONResponse(await attended(request.receive, as_object(run.events(), envelope)))
        # The status is sent when something has come: a failing engine or a full queue is no 200.
        await attended(request.receive, run.begun())
        chunks = as_chunks(run.events(), envelope, include_usage=plan.include_usage)
        return EventStream(chunks, stack.pop_all(), seconds=limits.request_seconds + limits.queue_seconds)
