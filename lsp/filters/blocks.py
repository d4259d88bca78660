"""Ends a text of several lines where the block that it belongs to ends."""

import re

from pilotfish.lsp.filters.similarity import tokens
from pilotfish.lsp.filters.suggestion import Suggestion, Surroundings, indentation

_MOST_TOKENS = 200
_CLOSING_LINE = re.compile(r"\s*(?:[)\]}]+[;,]?|end|fi|done|esac)\s*")
_WORD = re.compile(r"[)\]}\s]*(\w*)")
_CLOSER = re.compile(r"\s*[)\]}]")


def stay_in_scope(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 15: cut where the text leaves the scope in which it began.

    That is at a line indented less than the cursor's; and, if the text opened a block below the cursor's line, at one
    indented as that. ``else`` and its like, and the line that closes the block, still belong to it.
    """
    lines = suggestion.text.split("\n")
    more = [line for line in lines[1:] if line.strip()]
    if not more or s.syntax.prose:
        return suggestion
    first = s.before + lines[0]
    start = indentation(first if first.strip() else more[0])
    opened = bool(s.before.strip()) and indentation(more[0]) > start
    previous = start
    for number in range(1, len(lines)):
        line = lines[number]
        if not line.strip():
            continue
        width = indentation(line)
        unfinished = number == len(lines) - 1 and not s.complete
        dedent_after_blank = ":" in s.syntax.openers and not lines[number - 1].strip() and width < previous
        if width < start or (dedent_after_blank and number > 1):
            return suggestion.cut("\n".join(lines[:number]))
        if width == start and opened:
            kept = _belongs(line, s, unfinished=unfinished)
            if not kept or _CLOSING_LINE.fullmatch(line):
                return suggestion.cut("\n".join(lines[: number + kept]))
        previous = width
    return suggestion


def _belongs(line: str, s: Surroundings, *, unfinished: bool) -> bool:
    """Whether a line indented as the one that opened the block still belongs to it."""
    found = _WORD.match(line)
    word = found.group(1) if found else ""
    if word in s.syntax.continues:
        return not unfinished or len(line.strip()) > len(word)
    return _CLOSER.match(line) is not None


def end_block(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 16: a blank line ends a block; so do ``max_lines`` lines and 200 lexical tokens."""
    if not s.multiline:
        return suggestion
    kept: list[str] = []
    count = lines_with_content = 0
    for line in suggestion.text.split("\n"):
        if kept and lines_with_content and not line.strip():
            break
        count += len(tokens(line)) + 1
        lines_with_content += bool(line.strip())
        if lines_with_content > s.max_lines or (count > _MOST_TOKENS and lines_with_content > 1):
            break
        kept.append(line)
    return suggestion.cut("\n".join(kept))


def drop_second_closer(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 17: leave out a last line that only closes what the next line below closes."""
    head, line_end, last = suggestion.text.rstrip().rpartition("\n")
    whole = last if line_end else s.first_line(suggestion)
    closer, below = whole.strip().rstrip(";,"), s.next_line
    if (
        _CLOSING_LINE.fullmatch(whole)
        and below.strip().startswith(closer)
        and indentation(whole) == indentation(below)
    ):
        return suggestion.cut(head)
    return suggestion
