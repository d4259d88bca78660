"""Passes for `tell.Teller`: remembers what was said, and answers questions as the test decides."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pilotfish.lsp.tell import Progress


@dataclass
class FakeTeller:
    """An editor with its user."""

    answer: str | None = None
    """What every question is answered with; None: dismissed."""
    cancels: str = ""
    """The title of the progress that the user cancels."""
    states: list[tuple[str, str]] = field(default_factory=list)
    """State and message of each status."""
    warnings: list[str] = field(default_factory=list)
    informed: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    progresses: dict[str, list[tuple[str, int | None]]] = field(default_factory=dict)
    """What each progress reported, by its title."""

    @property
    def state(self) -> str:
        """The state that a status bar shows now."""
        return self.states[-1][0] if self.states else ""

    def status(self, state: str, message: str = "", *, model: str = "", backend: str = "") -> None:
        """Remember a status."""
        del model, backend
        self.states.append((state, message))

    def warn(self, text: str) -> None:
        """Remember a warning."""
        self.warnings.append(text)

    def inform(self, text: str) -> None:
        """Remember a message."""
        self.informed.append(text)

    async def ask(self, text: str, *actions: str) -> str | None:
        """Answer a question."""
        self.questions.append(text)
        return self.answer if self.answer in actions else None

    @asynccontextmanager
    async def progress(
        self, title: str, *, cancelled: Callable[[], None], measured: bool = False
    ) -> AsyncIterator[Progress]:
        """Remember a progress."""
        reported = self.progresses.setdefault(title, [("", 0)] if measured else [])
        if self.cancels == title:
            cancelled()
        yield Progress(lambda message, percentage: reported.append((message, percentage)))
