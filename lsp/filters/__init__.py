r"""From what a model wrote to what is worth showing: rules in a table, applied in order. Pure.

The numbers are those of the policy that the project started from; the gaps are rules that need more than text. All
text in here has ``\n`` for its line ends: a document's own are put in where an answer gets the protocol's types.

A rule holds for half a stream as well (``complete`` is False): what it lets through then is the beginning of what it
lets through of the whole, so that ghost text grows, and does not come and go.
"""

import re
from dataclasses import dataclass, replace

from pilotfish.lsp.filters.blocks import drop_second_closer, end_block, stay_in_scope
from pilotfish.lsp.filters.length import long_enough
from pilotfish.lsp.filters.markers import strip_markers
from pilotfish.lsp.filters.repeats import (
    drop_line_above,
    drop_periodic,
    drop_repeated_block,
    stop_at_next_line,
    stop_at_stutter,
    stop_at_third_time,
)
from pilotfish.lsp.filters.seam import cut_unmatched, first_line, fit_left, fit_right, stop_at_rest
from pilotfish.lsp.filters.suggestion import Filter, Suggestion, Surroundings

__all__ = ["RULES", "Rule", "Suggestion", "Surroundings", "align", "enough", "refine"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    number: int
    name: str
    apply: Filter


RULES: tuple[Rule, ...] = (
    Rule(1, "markers of the model, other files, patches, fences", strip_markers),
    Rule(2, "echo of the line so far; one space at the seam", fit_left),
    Rule(4, "one line", first_line),
    Rule(5, "rest of the line", fit_right),
    Rule(6, "text behind the cursor", stop_at_rest),
    Rule(7, "next line", stop_at_next_line),
    Rule(8, "lines below", drop_repeated_block),
    Rule(9, "line above", drop_line_above),
    Rule(10, "same line three times", stop_at_third_time),
    Rule(11, "text that goes round in circles", drop_periodic),
    Rule(12, "stutter at a line's end", stop_at_stutter),
    Rule(15, "scope", stay_in_scope),
    Rule(16, "end of a block", end_block),
    Rule(17, "closed twice", drop_second_closer),
    Rule(18, "closed but never opened", cut_unmatched),
    Rule(22, "too short", long_enough),
)
_ALIGNING = RULES[:2]
_ENDING = tuple(rule for rule in RULES if rule.number in {6, 7, 10, 15, 16})

_LONGEST_LINE = 2000
"""Characters of the cursor's line, on either side, that rules look at."""
_BLANK_AFTER_TEXT = re.compile(r"\S[^\n]*\n[ \t]*\n")


def refine(raw: str, surroundings: Surroundings) -> Suggestion | None:
    """What to show of a model's text, or None for nothing (of half a stream: nothing yet)."""
    s = _bounded(surroundings)
    suggestion = _apply(RULES, Suggestion(_lines(raw)), s)
    if suggestion is None:
        return None
    text = suggestion.text if s.after.strip() and "\n" not in suggestion.text else suggestion.text.rstrip()
    return suggestion.cut(text) if text.strip() else None


def align(raw: str, surroundings: Surroundings) -> str | None:
    """The model's text from the cursor on: without markers, what was owed, and an echo of the line.

    "" while that can't be told yet; None when the text does not fit the cursor's place.
    """
    s = _bounded(surroundings)
    suggestion = _apply(_ALIGNING, Suggestion(_lines(raw)), s)
    return None if suggestion is None else suggestion.text


def enough(raw: str, surroundings: Surroundings) -> bool:
    """Whether later text can't add to what is shown, so that the stream may be closed."""
    s = _bounded(replace(surroundings, complete=False))
    aligned = _apply(_ALIGNING, Suggestion(_lines(raw)), s)
    if aligned is None:
        return True
    text = aligned.text
    if not s.multiline:
        return "\n" in text.lstrip() if s.before.strip() and not s.after.strip() else "\n" in text
    if _BLANK_AFTER_TEXT.search(text):
        return True
    finished = text[: text.rfind("\n") + 1].rstrip()
    kept = _apply(_ENDING, Suggestion(finished), replace(s, complete=True))
    return kept is None or len(kept.text.rstrip()) < len(finished)


def _apply(rules: tuple[Rule, ...], suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    for rule in rules:
        less = rule.apply(suggestion, s)
        if less is None:
            return None
        suggestion = less
    return suggestion


def _lines(raw: str) -> str:
    """The text with one kind of line end."""
    return raw.replace("\r\n", "\n").replace("\r", "\n")


def _bounded(s: Surroundings) -> Surroundings:
    if len(s.before) <= _LONGEST_LINE and len(s.after) <= _LONGEST_LINE:
        return s
    return replace(s, before=s.before[-_LONGEST_LINE:], after=s.after[:_LONGEST_LINE])
