"""``create_app``: settings and an engine in, an ASGI application out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from .engines.base import Engine
from .settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app(settings: Settings, engine: Engine) -> "FastAPI":
    """The application. Its lifespan loads the engine in the background and stops it at the end.

    ``app.state.service`` is the ``Service`` that all routes share.
    """
    from fastapi import FastAPI

    from pilotfish.backend.version import version

    from . import errors
    from .access import Access
    from .openapi import documented
    from .routes import completions, copilot, health, models, page
    from .service import Service

    service = Service(settings, engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.lifespan():
            yield

    app = FastAPI(
        title="Pilotfish",
        summary="Code completion over OpenAI's completions API.",
        version=version(),
        lifespan=lifespan,
        docs_url=None,  # Swagger's page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for module in (completions, models, health, copilot, page):
        app.include_router(module.router)
    errors.install(app)
    app.add_middleware(Access, metrics=service.metrics, clock=service.clock, any_host=settings.keyed)
    app.openapi = documented(app, keyed=settings.keyed)  # type: ignore[method-assign]
    return app
