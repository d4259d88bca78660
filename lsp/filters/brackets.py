"""Which brackets and quotes of a piece of code are open, by a scan that knows strings and comments only roughly."""

import re
from dataclasses import dataclass, field

PAIRS = {")": "(", "]": "[", "}": "{"}
CLOSERS_ONLY = re.compile(r"\s*[)>}\]\"'`]*[:{;,]?\s*")
"""The rest of a line that an editor may have put there by itself, or that may well follow what is typed."""
BRACKET_LINE = re.compile(r"\s*(?:[()\[\]{}<>;,\"'`:]+|end|fi|done|esac)?\s*")
"""A line that says nothing but that something ends or begins."""

_STOPS = re.compile(r"[()\[\]{}\"'`\\\n]")
_STRING_PREFIX = re.compile(r"(?<!\w)[bBfFrRuU]{1,2}\Z")


@dataclass(slots=True)
class Scan:
    """What a piece of code leaves open, and what it closes that it did not open."""

    open: list[str] = field(default_factory=list)
    """Opening brackets without their closing ones."""
    unmatched: list[tuple[int, str]] = field(default_factory=list)
    """Closing brackets without their opening ones, with their places."""
    quote: str = ""
    """The quote of a string that is open at the end."""

    @property
    def badness(self) -> int:
        """How many brackets and quotes lack their other half."""
        return len(self.open) + len(self.unmatched) + bool(self.quote)


def scan(text: str, *, comment: str = "") -> Scan:
    """Scan a text; ``comment`` begins a comment that goes on to the line's end."""
    found = Scan()
    place, stops = 0, _STOPS if not comment else re.compile(f"{_STOPS.pattern}|{re.escape(comment)}")
    while match := stops.search(text, place):
        place, stop = match.end(), match.group()
        if stop == "\\":
            place += 1
        elif stop == "\n":
            found.quote = "`" if found.quote == "`" else ""
        elif found.quote:
            if stop == found.quote:
                found.quote = ""
        elif stop == comment:
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
        elif stop in "\"'`":
            if stop != "'" or _begins_string(text, match.start()):
                found.quote = stop
        elif stop in PAIRS:
            if found.open and found.open[-1] == PAIRS[stop]:
                found.open.pop()
            else:
                found.unmatched.append((match.start(), stop))
        else:
            found.open.append(stop)
    return found


def _begins_string(text: str, place: int) -> bool:
    """Whether an apostrophe begins a string, rather than standing within a word."""
    left = text[max(0, place - 3) : place]
    return not left[-1:].isalnum() or bool(_STRING_PREFIX.search(left))
