"""Takes out what says again what is there already: around the cursor, or in the text itself."""

from pilotfish.lsp.filters.brackets import BRACKET_LINE
from pilotfish.lsp.filters.similarity import may_become, similar, tail_period, tokens, within
from pilotfish.lsp.filters.suggestion import NOTHING_YET, Suggestion, Surroundings

_SHORT = 4
"""Characters up to which a line says too little to be a repetition."""
_PERIODS = ((1, 10), (10, 30), (20, 45), (30, 60))
"""Periods of at most so many tokens, kept up over so many."""
_TAILS = ((3, 6), (10, 4))
"""So many characters or more, so many times in a row."""


def stop_at_next_line(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 7: stop at a line like the next one below."""
    target = s.next_line.strip()
    if _says_little(target):
        return suggestion
    lines = suggestion.text.split("\n")
    for number, line in enumerate(lines):
        whole = s.first_line(suggestion) if number == 0 else line
        unfinished = number == len(lines) - 1 and not s.complete
        if may_become(whole, target) if unfinished else similar(whole, target):
            return _until(suggestion, lines, number, unfinished=unfinished)
    return suggestion


def drop_repeated_block(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 8: drop what says the same as the lines below, up to three of them.

    One line alone must agree more closely than the first of several: neighbours in a list are alike.
    """
    lines = [s.first_line(suggestion), *suggestion.text.split("\n")[1:]]
    if not s.complete:
        lines.pop()
    mine = [line.strip() for line in lines if line.strip()][:3]
    theirs = [line.strip() for line in s.below if line.strip()][: len(mine)]
    one, other = "\n".join(mine[: len(theirs)]), "\n".join(theirs)
    if _says_little(other):
        return suggestion
    distance = int(0.05 * len(other))
    return None if within(one, other, max(1, distance) if len(theirs) > 1 else distance) else suggestion


def drop_line_above(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 9: drop a text whose first line is like the line above, unless the lines above are alike themselves."""
    first, line_end, more = suggestion.text.partition("\n")
    above = [line for line in s.above if line.strip()][-2:]
    if not first.strip() and s.before.strip():
        above, whole, line_end = [*above[-1:], s.before], *more.partition("\n")[:2]
    else:
        whole = s.first_line(suggestion)
    if not above or _says_little(above[-1].strip()):
        return suggestion
    if len(above) > 1 and similar(above[0], above[1], share=0.5):
        return suggestion
    if not line_end and not s.complete:
        return NOTHING_YET if may_become(whole, above[-1]) else suggestion
    return None if similar(whole, above[-1]) else suggestion


def stop_at_third_time(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 10: of a line that comes three times in a row keep the first, and stop."""
    lines = suggestion.text.split("\n")
    whole = [s.first_line(suggestion), *lines[1:]]
    run = 0
    for number in range(1, len(whole)):
        again = bool(whole[number].strip()) and whole[number].rstrip() == whole[run].rstrip()
        unfinished = number == len(whole) - 1 and not s.complete
        if (
            unfinished
            and whole[run].startswith(whole[number])
            and (number > run + 1 or whole[number].strip())
        ):
            return suggestion.cut("\n".join(lines[: run + 1]))
        if not again:
            run = number
        elif number - run == 2:
            return suggestion.cut("\n".join(lines[: run + 1]))
    return suggestion


def drop_periodic(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:  # noqa: ARG001  one shape for all
    """Rule 11: drop a text whose end goes round in circles."""
    with_blanks = tokens(suggestion.text[-1000:])
    for sequence in (with_blanks, [token for token in with_blanks if not token.isspace()]):
        for period, length in _PERIODS:
            if len(sequence) >= length and tail_period(sequence[-length:]) <= period:
                return None
    return suggestion


def stop_at_stutter(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:  # noqa: ARG001
    """Rule 12: stop before a line that ends in the same few characters over and over."""
    lines = suggestion.text.split("\n")
    for number, line in enumerate(lines):
        end = line.rstrip()
        for shortest, times in _TAILS:
            for length in range(shortest, len(end) // times + 1):
                if end.endswith(end[-length:] * times):
                    return _until(suggestion, lines, number, unfinished=False)
    return suggestion


def _says_little(line: str) -> bool:
    return len(line) <= _SHORT or BRACKET_LINE.fullmatch(line) is not None


def _until(suggestion: Suggestion, lines: list[str], number: int, *, unfinished: bool) -> Suggestion | None:
    """The lines before one with their line ends, if that leaves any."""
    if number == 0:
        return NOTHING_YET if unfinished else None
    return suggestion.cut("\n".join(lines[:number]) + "\n")
