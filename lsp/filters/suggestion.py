"""What every rule gets and gives."""

from collections.abc import Callable
from dataclasses import dataclass

from pilotfish.lsp.syntax import Syntax, syntax_of


@dataclass(frozen=True, slots=True)
class Suggestion:
    r"""Text for the cursor's place, with ``\n`` for its line ends."""

    text: str
    overwrite: int = 0
    """Code points right of the cursor that the text takes the place of."""

    def cut(self, text: str) -> "Suggestion":
        """The same suggestion with other text."""
        return Suggestion(text, self.overwrite)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text around the cursor, and what is known of the model's."""

    before: str
    """The current line up to the cursor."""
    after: str
    """The rest of the current line, without its line end."""
    above: tuple[str, ...] = ()
    """The lines above without their ends, the nearest last; 50 suffice."""
    below: tuple[str, ...] = ()
    """The lines below, the nearest first; 50 suffice."""
    language: str = ""
    """LSP language id."""
    multiline: bool = False
    """Whether a block was asked for, not just a line."""
    owed: str = ""
    """What stands between the prompt's end and the cursor: the model's text begins with it."""
    complete: bool = True
    """Whether the model's text is all there. Of half a stream, only what later text can't change is kept."""
    continued: bool = False
    """Whether this is the rest of a suggestion that was shown already, and may be as short as it likes."""
    max_lines: int = 10
    """The longest block."""

    @property
    def syntax(self) -> Syntax:
        """What is known of the language."""
        return syntax_of(self.language)

    @property
    def next_line(self) -> str:
        """The next line below that is not blank, or nothing."""
        return next((line for line in self.below if line.strip()), "")

    def first_line(self, suggestion: Suggestion) -> str:
        """The cursor's line as it will be once a suggestion was accepted."""
        first, _, more = suggestion.text.partition("\n")
        return self.before + first + ("" if more else self.after[suggestion.overwrite :])


Filter = Callable[[Suggestion, Surroundings], Suggestion | None]
"""Returns the suggestion, or less of it, or None when there is nothing worth showing and never will be."""
NOTHING_YET = Suggestion("")
"""What a filter returns of half a stream when the text that is still to come decides."""


def indentation(line: str) -> int:
    """Columns of white space that a line begins with, a tab reaching to the next multiple of eight."""
    return len(line[: len(line) - len(line.lstrip())].expandtabs(8))
