"""Where the demonstration types: statements of the file itself that are taken out and typed again. Pure."""

import ast
from collections.abc import Sequence, Set
from dataclasses import dataclass

RUN = 2
"""Lines that are typed in a row."""
APART = 6
"""Lines between the beginnings of two places at least."""
SHORTEST, LONGEST = 10, 76
"""Characters of a line without its indentation that are worth typing, and that fit on the screen."""
COMMENTS = ("#", "//", "/*", "*", "--", ";", "%", '"', "'", "<!")
PAUSES = " ([{,=.:"
"""Characters after which people look up."""


@dataclass(frozen=True, slots=True)
class Place:
    """Some lines that are taken out of the file and typed again."""

    line: int
    """The first one, counted from 0."""
    texts: tuple[str, ...]
    """The lines with their indentation, without line ends."""


def choose_places(lines: Sequence[str], *, language: str) -> list[Place]:
    """Choose places inside function bodies, each below the one before; none if there is nothing to type.

    ``lines`` come without line ends. The places stand near each other, as work on one part of a file does.
    """
    inside = _python_bodies(lines) if language == "python" else None
    if inside is None:
        inside = set(range(len(lines)))
    places: list[Place] = []
    for line in range(1, len(lines) - RUN):
        if places and line < places[-1].line + APART:
            continue
        span = range(line, line + RUN)
        if all(number in inside and _is_statement(lines[number]) for number in span):
            places.append(Place(line, tuple(lines[line : line + RUN])))
    # Not at the very beginning, where there is little to go by, but with places left to go to.
    return places[len(places) // 3 :]


def look_at(text: str) -> int:
    """Columns of a line that are typed before the typist looks up: a good third, to a word's end."""
    indent = len(text) - len(text.lstrip())
    start = indent + (len(text) - indent) * 35 // 100
    for column in range(max(start, indent + 3), len(text) - 2):
        if text[column - 1] in PAUSES:
            return column
    return min(len(text), max(start, indent + 3))


def _is_statement(line: str) -> bool:
    """Whether an indented line seems to be a whole piece of code, in any language."""
    text = line.strip()
    if not line[:1].isspace() or not SHORTEST <= len(text) <= LONGEST or text.startswith(COMMENTS):
        return False
    balanced = all(text.count(left) == text.count(right) for left, right in ("()", "[]"))
    code = any(sign in text for sign in "(=[{") or text.startswith(("return", "raise", "yield"))
    return balanced and code and "\\" not in text and '"""' not in text and "'''" not in text


def _python_bodies(lines: Sequence[str]) -> Set[int] | None:
    """Lines on which a function's statement stands, or the head of one; None if the file does not parse."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return None
    found: set[int] = set()
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for statement in (
        node for function in functions for node in ast.walk(function) if isinstance(node, ast.stmt)
    ):
        body = getattr(statement, "body", None)
        last = body[0].lineno - 1 if body else statement.end_lineno
        if last == statement.lineno:
            found.add(statement.lineno - 1)
    return found
