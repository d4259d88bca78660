"""Fits the model's text to what stands left and right of the cursor."""

import re

from pilotfish.lsp.filters.brackets import CLOSERS_ONLY, PAIRS, scan
from pilotfish.lsp.filters.suggestion import NOTHING_YET, Suggestion, Surroundings

_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")
_SHORTEST_ECHO = 4
"""Characters of a line's beginning that tell an echo from chance."""
_HEAD = 20
"""Characters of the text behind the cursor that tell that the model has arrived there."""
_SHORTEST_HEAD = 10
_UNPAIRED = frozenset({"shellscript", "sh", "bash", "zsh", "fish"})
"""Languages with closing brackets that nothing opens, as in a shell's ``case``."""


def fit_left(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 2: take what is owed off, drop an echo of the line so far, and leave one space at the seam."""
    text = suggestion.text
    owed = s.owed
    on_blank_line = not s.before.strip()
    if on_blank_line and (blank := _BLANK_LINES.match(text)):
        # The model would leave lines blank first. The cursor's line is blank already: go on where the text does.
        text, owed = text[blank.end() :], s.before
    if text.startswith(owed):
        text = text[len(owed) :]
    elif not s.complete and owed.startswith(text):
        return NOTHING_YET
    elif not _may_do_without(owed, text, s.before):
        return None
    typed, begun = s.before.strip(), text.lstrip(" \t")
    if len(typed) >= _SHORTEST_ECHO and any(character.isalpha() for character in typed):
        if begun.startswith(typed):
            text = begun[len(typed) :]
        elif begun and not s.complete and typed.startswith(begun):
            return NOTHING_YET
    if not on_blank_line:
        text = _one_space(text, s.before)
    return suggestion.cut(text)


def _may_do_without(owed: str, text: str, before: str) -> bool:
    """Whether text that lacks the owed space reads as well behind the space that was typed."""
    left = before.rstrip()[-1:]
    return (
        owed == " "
        and bool(left)
        and not _is_word(left)
        and (_is_word(text[:1]) or text[:1] in tuple("\"'([{"))
    )


def _one_space(text: str, before: str) -> str:
    content = text.lstrip(" ")
    spaces = len(text) - len(content)
    if before[-1:].isspace() and not content.startswith("\n"):
        return content
    if spaces > 1 and content[:1] not in {"#", "/", "-", "\n", ""}:  # two spaces before a comment are custom
        return " " + content
    return text


def first_line(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 4: where a line was asked for, cut at the first line end, or at the second after a complete line."""
    if s.multiline:
        return suggestion
    start = 0
    leading = _BLANK_LINES.match(suggestion.text)
    if leading is not None:
        if not s.before.strip() or s.after.strip():
            return None
        start = suggestion.text.index("\n") + 1
    end = suggestion.text.find("\n", start)
    return suggestion if end < 0 else suggestion.cut(suggestion.text[:end])


def fit_right(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 5: neither repeat the rest of the line nor break its brackets.

    Of three ways to fit the text in, the one that leaves the fewest brackets and quotes without their other half: the
    rest stays and what overlaps with it is taken off, the rest stays whole, or, if it is closers that all occur in the
    text in their order, the text takes their place.
    """
    rest = s.after.rstrip()
    if not rest.strip():
        return suggestion
    text, comment = suggestion.text, s.syntax.comment[0].strip()
    ways = [
        Suggestion(text[: len(text) - length])
        for length in range(min(len(text), len(rest)), 0, -1)
        if text.endswith(rest[:length])
    ][:1]
    ways.append(Suggestion(text))
    if CLOSERS_ONLY.fullmatch(rest) and _in_order(rest.strip(), text):
        ways.append(Suggestion(text, len(rest)))

    def lacking(way: Suggestion) -> int:
        return scan(s.before + way.text + rest[way.overwrite :], comment=comment).badness

    best = min(ways, key=lacking)
    original = scan(s.before + rest, comment=comment)
    changed = scan(s.before + best.text + rest[best.overwrite :], comment=comment)
    if len(changed.unmatched) > len(original.unmatched) or best.text == rest[: best.overwrite]:
        return None if s.complete else NOTHING_YET
    return best


def _in_order(signs: str, text: str) -> bool:
    """Whether all signs occur in the text in their order."""
    left = iter(text)
    return all(sign in left for sign in signs)


def stop_at_rest(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 6: stop where the text goes on as the document does behind the cursor."""
    rest = "\n".join([s.after[suggestion.overwrite :], *s.below[:_HEAD]]).strip()
    head = rest[:_HEAD]
    if len(head) < _SHORTEST_HEAD:
        return suggestion
    text = suggestion.text
    found = text.find(head)
    if found >= 0:
        return suggestion.cut(text[:found])
    if not s.complete:
        for length in range(min(len(head) - 1, len(text)), 0, -1):
            if text.endswith(head[:length]):
                return suggestion.cut(text[:-length])
    return suggestion


def cut_unmatched(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 18: cut before a closing bracket that nothing opened, or that is closed already.

    A bracket that the cursor's line opened may be closed; one that a line above opened, unless a line below does it.
    """
    if s.syntax.prose or s.language in _UNPAIRED:
        return suggestion
    comment = s.syntax.comment[0].strip()
    closers = scan(s.before + suggestion.text, comment=comment).unmatched
    open_above: dict[str, int] | None = None
    for place, closer in closers:
        if place < len(s.before):
            continue
        open_above = open_above if open_above is not None else _open_above(s, comment)
        open_above[closer] -= 1
        if open_above[closer] < 0:
            return suggestion.cut(suggestion.text[: place - len(s.before)].rstrip())
    return suggestion


def _open_above(s: Surroundings, comment: str) -> dict[str, int]:
    """How many brackets of the lines above are not closed by the lines below, by closing bracket."""
    opened = scan("\n".join(s.above), comment=comment).open
    closed = [sign for _, sign in scan("\n".join(s.below), comment=comment).unmatched]
    return {closer: opened.count(opener) - closed.count(closer) for closer, opener in PAIRS.items()}


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
