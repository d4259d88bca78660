"""How a route gets at what it serves. Coroutines, or FastAPI would hand each call to a thread."""

from typing import Annotated

from fastapi import Depends, Request

from pilotfish.backend.proxy.auth import Client
from pilotfish.backend.proxy.service import Service


async def service_of(request: Request) -> Service:
    """The application's service."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


async def client_of(request: Request) -> Client:
    """The client, where a path needs a key but counts nothing. Raises ``Unauthorized``."""
    return (await service_of(request)).auth.client(request.headers)


TheService = Annotated[Service, Depends(service_of)]
TheClient = Annotated[Client, Depends(client_of)]
