"""Questions to a person at a terminal, each with an answer that Enter gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO, TypeVar

from .errors import ComposeError

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A person to ask."""

    reads: TextIO
    writes: TextIO

    def ask(self, question: str, default: str, read: Callable[[str], Answer]) -> Answer:
        """An answer that ``read`` takes; a ``ValueError`` of its says what was expected, and it is asked again."""
        while True:
            self.writes.write(f"{question} [{default}] ")
            self.writes.flush()
            line = self.reads.readline()
            if not line:
                raise ComposeError("nobody answers. Give the answers as options; see 'compose init --help'.")
            try:
                return read(line.strip() or default)
            except ValueError as error:
                self.writes.write(f"  {error}\n")

    def choose(self, question: str, names: Sequence[str], default: str) -> str:
        """One of some names, by its number or itself."""
        for number, name in enumerate(names, start=1):
            self.writes.write(f"  {number}. {name}\n")

        def read(text: str) -> str:
            if text in names:
                return text
            if text.isdigit() and 1 <= int(text) <= len(names):
                return names[int(text) - 1]
            raise ValueError(f"expected a number from 1 to {len(names)}, or a name of the list")

        return self.ask(question, default, read)

    def agree(self, question: str, *, default: bool) -> bool:
        """Yes or no."""

        def read(text: str) -> bool:
            if text.lower() in {"y", "yes", "n", "no"}:
                return text.lower().startswith("y")
            raise ValueError("expected y or n")

        return self.ask(question, "y" if default else "n", read)
