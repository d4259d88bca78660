"""Whether there is enough to be worth a look."""

from pilotfish.lsp.filters.suggestion import Suggestion, Surroundings


def long_enough(suggestion: Suggestion, s: Surroundings) -> Suggestion | None:
    """Rule 22: four visible characters; two if they complete a name; one at the end of what was shown already."""
    visible = sum(not character.isspace() for character in suggestion.text)
    completes_name = _in_name(s.before[-1:]) and _in_name(suggestion.text[:1])
    least = 1 if s.continued else 2 if completes_name else 4
    return suggestion if visible >= least else None


def _in_name(character: str) -> bool:
    return character.isalnum() or character == "_"
