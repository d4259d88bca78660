"""What the OpenAPI document says of the paths beyond their code."""

from typing import Any

from pilotfish.backend.proxy.schemas import Completion, CompletionRequest, CopilotRequest

_REASONS = {
    400: "The request is wrong; `param` names the field. Beyond this document's schema: `unsupported_value` (this "
    "model or engine can't do it, or two fields contradict each other) and `context_length_exceeded`.",
    401: "No API key, or an unknown one.",
    403: "The request came under a name that is not this server's.",
    404: "No such path or model.",
    408: "The body came too slowly.",
    413: "The body is too long.",
    429: "The queue is full, or the key's share is used up; see Retry-After.",
    500: "The engine failed.",
    503: "The engine is not ready, or no slot became free; see Retry-After.",
    504: "The engine took too long.",
}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    }
}

# Always JSON, also where the path's successes are something else.
_ENVELOPE = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}}
_EVENT = {
    "type": "object",
    "description": "`data` is a Completion as JSON, an ErrorEnvelope as JSON, or `[DONE]`.",
    "properties": {"data": {"type": "string"}},
    "required": ["data"],
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a path that can fail like this."""
    return {
        status: {"content": _ENVELOPE, "description": _REASONS[status]}
        | ({"headers": _RETRY_AFTER} if status in {429, 503} else {})
        for status in statuses
    }


def _completion(request: type[CompletionRequest]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{request.__name__}"}}}
    answer = {
        "description": "The completion; with `stream`, chunks as server-sent events, then `[DONE]`.",
        "model": Completion,
        "content": {"text/event-stream": {"schema": _EVENT}},
    }
    return {
        "responses": {200: answer, **errors(*_REASONS)},
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


COMPLETION = _completion(CompletionRequest)
COPILOT_COMPLETION = _completion(CopilotRequest)
