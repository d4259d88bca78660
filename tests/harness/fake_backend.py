"""A backend in the same process for the completer's unit tests: streams what it is fed, records what happened."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from pilotfish.lsp.client import BackendError, BackendModel, Chunk, CompletionRequest, Usage
from pilotfish.lsp.completer import Link
from pilotfish.lsp.context import Style

MODEL = BackendModel(
    "fake", context_length=2048, prefix_cache=True, device="cpu", extensions=frozenset({"warm"})
)


@dataclass(eq=False)
class Stream:
    """One request that the backend got; the test feeds its answer."""

    request: CompletionRequest
    _items: "asyncio.Queue[str | BackendError | None]" = field(default_factory=asyncio.Queue)
    closed: bool = False
    """Whether the client hung up before the end."""
    ended: bool = False
    broken: bool = False

    def feed(self, *pieces: str) -> None:
        """Send pieces of text."""
        for piece in pieces:
            self._items.put_nowait(piece)

    def end(self) -> None:
        """End the answer as a model does that has no more to say."""
        self._items.put_nowait(None)

    def break_off(self) -> None:
        """End the answer as a server does whose model crashed: without a reason."""
        self.broken = True
        self._items.put_nowait(None)

    def fail(self, error: BackendError) -> None:
        """Break the answer off with an error."""
        self._items.put_nowait(error)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """What the client reads."""
        try:
            while (item := await self._items.get()) is not None:
                if isinstance(item, BackendError):
                    raise item
                yield Chunk(item)
            if not self.broken:
                yield Chunk("", finish_reason="stop")
            self.ended = True
        finally:
            self.closed = not self.ended


class FakeBackend:
    """Passes for ``client.Backend``."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.warmed: list[str] = []

    async def models(self) -> list[BackendModel]:
        """List the one model."""
        return [MODEL]

    async def health(self) -> bool:
        """Be well."""
        return True

    async def stream(self, request: CompletionRequest, model: BackendModel) -> AsyncGenerator[Chunk, None]:
        """Record the request and yield what the test feeds."""
        assert model.id == MODEL.id
        stream = Stream(request)
        self.streams.append(stream)
        async for chunk in stream.chunks():
            yield chunk

    async def warm(self, prompt: str, suffix: str | None, model: BackendModel) -> None:
        """Record a warm-up."""
        del suffix, model
        self.warmed.append(prompt)

    async def aclose(self) -> None:
        """Have nothing to close."""


class FakeSource:
    """Passes for ``completer.Source``."""

    def __init__(self, model: BackendModel = MODEL) -> None:
        self.backend = FakeBackend()
        self.errors: list[BackendError] = []
        self.successes = 0
        self.available = True
        self._link = Link(self.backend, model, Style())

    def link(self) -> Link | None:
        """The backend, while the test has it available."""
        return self._link if self.available else None

    def succeeded(self, usage: Usage | None, characters: int) -> None:
        """Count a success."""
        del usage, characters
        self.successes += 1

    def failed(self, error: BackendError) -> None:
        """Record a failure."""
        self.errors.append(error)
