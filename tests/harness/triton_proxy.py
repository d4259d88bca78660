"""The proxy around the engine ``triton``, behind a real server in the test's own loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.proxy import Front, serving
from harness.triton_models import MODEL_NAME
from harness.waiting import until
from pilotfish.backend.proxy.engines.triton import TritonEngine, TritonSettings
from pilotfish.backend.proxy.settings import Settings


@asynccontextmanager
async def triton_proxy(
    *urls: str, tokenizer: Path, settings: Settings | None = None, ready: bool = True, **engine: Any
) -> AsyncIterator[Front]:
    """In front of servers that may not be there yet; `engine` are fields of TritonSettings, `ready` waits."""
    made = TritonSettings(urls=urls, model=MODEL_NAME, name="codegen-test", tokenizer=tokenizer)
    async with serving(settings or Settings(), TritonEngine(replace(made, **engine))) as front:
        if ready:
            await until(lambda: front.service.vitals.state == "ready")
        yield front


def ready_servers(front: Front) -> int:
    """How many of its servers can be asked at this moment."""
    engine = front.service.engine
    assert isinstance(engine, TritonEngine)
    return len(engine._now().servers.ready())
