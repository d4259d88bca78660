"""The OpenAPI document: what FastAPI finds, and what it can't: we read bodies and keys ourselves."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .schemas import CompletionRequest, CopilotRequest, ErrorEnvelope, schema_of

if TYPE_CHECKING:
    from fastapi import FastAPI

_KEYED_PREFIXES = ("/v1/", "/metrics", "/copilot_internal/")


def documented(app: "FastAPI", *, keyed: bool) -> Callable[[], dict[str, Any]]:
    """A function that gives the document, for ``app.openapi``."""
    find = app.openapi

    def openapi() -> dict[str, Any]:
        document = find()
        components = document.setdefault("components", {})
        for model in (CompletionRequest, CopilotRequest, ErrorEnvelope):
            schema = schema_of(model)
            components["schemas"] |= {**schema.pop("$defs", {}), model.__name__: schema}
        if keyed:
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            needs_key = path.startswith(_KEYED_PREFIXES)
            for operation in operations.values():
                # FastAPI promises its own error for every parameter; ours are 400s.
                operation["responses"].pop("422", None)
                if keyed and needs_key:
                    operation["security"] = [{"key": []}]
                else:
                    operation["responses"].pop("401", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(unused, None)
        return document

    return openapi
