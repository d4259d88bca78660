"""A text document as an editor holds it: text, version, and positions in the negotiated encoding."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
_LINE_END = re.compile(r"\r\n|\n|\r")


class InvalidItemError(AssertionError):
    """An inline completion item that an editor could not show at the caret."""


def units(text: str, encoding: Encoding) -> int:
    """Length of `text` in the code units that positions count. A lone surrogate counts as one character."""
    if encoding == "utf-32":
        return len(text)
    if encoding == "utf-16":
        return len(text) + sum(character > "\uffff" for character in text)
    return len(text.encode("utf-8", "surrogatepass"))


def from_units(text: str, count: int, encoding: Encoding) -> int:
    """Index in `text` after `count` code units; InvalidItemError inside a character or past the end."""
    if encoding == "utf-32":
        low = count
    else:
        low, high = 0, len(text)
        while low < high:
            middle = (low + high) // 2
            if units(text[:middle], encoding) < count:
                low = middle + 1
            else:
                high = middle
    if low > len(text) or units(text[:low], encoding) != count:
        message = f"character {count} is not a place in a line of {units(text, encoding)} ({encoding})"
        raise InvalidItemError(message)
    return low


@dataclass(frozen=True, slots=True)
class Caret:
    """The caret's line at the moment of a request: all that is needed to judge an item later."""

    line: int
    column: int
    """In characters of `text`."""
    text: str
    """The line, without its end."""
    encoding: Encoding

    def ghost_text(self, item: dict[str, Any]) -> str:
        """What an editor shows of an inline completion item at this caret.

        Raises InvalidItemError where an editor cannot show it: a range that is absent, spans lines or does
        not hold the caret; a text that does not begin with what the range holds left of the caret; text
        right of the caret in the range whose characters do not all come again, in order, in what is shown.
        """
        text, start, end = self.edit(item)
        typed, rest = self.text[start : self.column], self.text[self.column : end]
        if not text.startswith(typed):
            message = f"{text!r} would replace {typed!r} left of the caret"
            raise InvalidItemError(message)
        shown = text.removeprefix(typed)
        remaining = iter(shown)
        if not all(character in remaining for character in rest):
            message = f"{text!r} would drop {rest!r} right of the caret"
            raise InvalidItemError(message)
        return shown

    def edit(self, item: dict[str, Any]) -> tuple[str, int, int]:
        """An item's text, and the columns in this line that it replaces. Raises InvalidItemError."""
        insert = item["insertText"]
        text: str = insert["value"] if isinstance(insert, dict) else insert
        place = item.get("range")
        if place is None:
            raise InvalidItemError("no range")
        if place["start"]["line"] != self.line or place["end"]["line"] != self.line:
            message = f"the range {place} is not on line {self.line}"
            raise InvalidItemError(message)
        start = from_units(self.text, place["start"]["character"], self.encoding)
        end = from_units(self.text, place["end"]["character"], self.encoding)
        if not start <= self.column <= end:
            message = f"the range {start}-{end} does not hold the caret at {self.column}"
            raise InvalidItemError(message)
        return text, start, end

    def after_accepting(self, item: dict[str, Any]) -> str:
        """The line (and what the item adds below it) once the item is accepted. Raises InvalidItemError."""
        text, start, end = self.edit(item)
        return self.text[:start] + text + self.text[end:]


@dataclass(slots=True)
class TextDocument:
    """An open document. Offsets are indices in `text`."""

    uri: str
    text: str
    language: str = "python"
    encoding: Encoding = "utf-16"
    version: int = field(default=1)

    def position(self, offset: int) -> dict[str, int]:
        """The LSP position of an offset."""
        line, start = self._line(offset)
        return {"line": line, "character": units(self.text[start:offset], self.encoding)}

    def caret(self, offset: int) -> Caret:
        """The caret at an offset."""
        line, start = self._line(offset)
        end = _LINE_END.search(self.text, offset)
        text = self.text[start : end.start() if end else len(self.text)]
        return Caret(line, offset - start, text, self.encoding)

    def replace(self, start: int, end: int, text: str) -> dict[str, Any]:
        """Replace [start, end); the LSP content change, in positions of the text as it was."""
        place = {"start": self.position(start), "end": self.position(end)}
        self.text = self.text[:start] + text + self.text[end:]
        self.version += 1
        return {"range": place, "text": text}

    def _line(self, offset: int) -> tuple[int, int]:
        if "\r" not in self.text:
            return self.text.count("\n", 0, offset), self.text.rfind("\n", 0, offset) + 1
        starts = [0, *(end.end() for end in _LINE_END.finditer(self.text))]
        line = max(index for index, start in enumerate(starts) if start <= offset)
        return line, starts[line]
