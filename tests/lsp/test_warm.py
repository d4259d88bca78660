"""Warming prompts in a backend that announces that it can."""

import asyncio
from dataclasses import replace

from harness.fake_backend import MODEL, FakeBackend
from pilotfish.lsp.client import BackendModel, BackendUnreachable
from pilotfish.lsp.completer import Link
from pilotfish.lsp.context import Style
from pilotfish.lsp.warm import Warmer


def link(backend: FakeBackend, model: BackendModel = MODEL) -> Link:
    """A link to a backend."""
    return Link(backend, model, Style())


async def settled(warmer: Warmer, backend: FakeBackend, *, expected: int) -> list[str]:
    """Wait until so many prompts were warmed, and then a moment longer for those that should not be."""
    async with asyncio.timeout(2):
        while len(backend.warmed) < expected:
            await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    await warmer.stop()
    return backend.warmed


async def test_a_prompt_is_warmed_once() -> None:
    """The same text twice is one warm-up; after ``forget`` it counts as cold again."""
    backend, warmer = FakeBackend(), Warmer()
    for _ in range(2):
        warmer.want(link(backend), "import os\n")
    warmer.want(link(backend), "import os\nimport re\n")
    assert sorted(await settled(warmer, backend, expected=2)) == ["import os\n", "import os\nimport re\n"]
    warmer.forget()
    warmer.want(link(backend), "import os\n")
    assert len(await settled(warmer, backend, expected=3)) == 3


async def test_only_where_the_backend_announces_it() -> None:
    """A foreign server would generate text for nothing."""
    backend, warmer = FakeBackend(), Warmer()
    warmer.want(link(backend, replace(MODEL, extensions=frozenset())), "import os\n")
    warmer.want(link(backend, replace(MODEL, prefix_cache=False)), "import os\n")
    assert await settled(warmer, backend, expected=0) == []


async def test_a_failure_does_not_end_the_work() -> None:
    """The backend may be gone for one prompt and back for the next."""

    class Flaky(FakeBackend):
        async def warm(self, prompt: str, suffix: str | None, model: BackendModel) -> None:
            await super().warm(prompt, suffix, model)
            if len(self.warmed) == 1:
                raise BackendUnreachable("gone")

    backend, warmer = Flaky(), Warmer()
    warmer.want(link(backend), "a\n")
    warmer.want(link(backend), "b\n")
    assert len(await settled(warmer, backend, expected=2)) == 2
