"""Tries a remote backend that is not in the settings yet, so that an editor can save what works and nothing else."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from pilotfish.lsp.client import (
    BackendError,
    BackendModel,
    CompletionRequest,
    Endpoint,
    HttpBackend,
    choose_model,
)
from pilotfish.lsp.setting_kinds import Kind, address, secret
from pilotfish.lsp.settings import BackendSettings
from pilotfish.lsp.version import VERSION
from pilotfish.lsp.versions import older, older_backend

PATIENCE = 10.0
"""Seconds for all of it; who waits looks at a dialog."""
PROMPT = "def add(a, b):\n    return a"
FIELDS: Mapping[str, Kind[Any]] = {"url": address(), "apiKey": secret()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it."""

    ok: bool
    message: str
    """For the user: what is wrong and what to do, or what there is."""
    models: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the command answers."""
        return {"ok": self.ok, "message": self.message, "models": list(self.models)}


async def check_backend(argument: object, settings: BackendSettings) -> Verdict:
    """Ask the server at ``{"url": …, "apiKey": …}`` what it has, and for one token.

    Certificates are as in ``settings``. A key that is set there stays there: it belongs to another server.
    """
    given: Mapping[str, object] = argument if isinstance(argument, Mapping) else {}
    values: dict[str, Any] = {}
    for name, kind in FIELDS.items():
        try:
            values[name] = kind.parse(given.get(name) or "")
        except ValueError:
            return Verdict(ok=False, message=f"{name}: expected {kind.expected}")
    if not values["url"]:
        return Verdict(ok=False, message=f"url: expected {FIELDS['url'].expected}")
    wanted = replace(settings, url=values["url"], api_key=values["apiKey"])
    backend = HttpBackend(Endpoint.from_settings(wanted))
    try:
        async with asyncio.timeout(PATIENCE):
            models = await backend.models()
            # Some servers list their models to everybody, and look at the key only then.
            await _one_token(backend, choose_model(models, ""))
            theirs = await backend.version()
    except TimeoutError:
        return Verdict(ok=False, message=f"{backend.endpoint.root} did not answer within {PATIENCE:g} s")
    except BackendError as error:
        return Verdict(ok=False, message=str(error))
    finally:
        await backend.aclose()
    names = tuple(model.id for model in models)
    said = f"{backend.endpoint.root} serves {', '.join(names)}"
    if older(theirs, VERSION):
        said = older_backend(backend.endpoint.root, theirs, VERSION)
    return Verdict(ok=True, message=said, models=names)


async def _one_token(backend: HttpBackend, model: BackendModel) -> None:
    async with aclosing(backend.stream(CompletionRequest(PROMPT, max_tokens=1), model)) as chunks:
        async for _ in chunks:
            pass
