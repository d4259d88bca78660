"""The imports that stay in the prompt when its window has moved past them. Pure."""

from collections.abc import Sequence

from pilotfish.lsp.positions import content_length
from pilotfish.lsp.syntax import syntax_of

SEARCHED_LINES = 200
"""Imports further down a file are not pinned: each key may look, so each look must be short."""
_STATEMENT_LINES = 20
_STATEMENT_WIDTH = 300
_OPEN, _CLOSE = "([{", ")]}"


def pinned_imports(lines: Sequence[str], above: int, language: str, budget: int) -> str:
    r"""Import statements that begin and end above line ``above``, their lines ended by ``\n``.

    When not all fit into ``budget`` characters, the lower ones win: by custom a project's own modules come last, and
    of those a model knows least.
    """
    pattern = syntax_of(language).imports
    if pattern is None or budget <= 0 or above <= 0:
        return ""
    end = min(above, SEARCHED_LINES)
    statements: list[str] = []
    line = 0
    while line < end:
        if not pattern.match(lines[line]):
            line += 1
            continue
        statement, after = _statement(lines, line, end)
        if statement is not None:
            statements.append(statement)
        line = after
    chosen: list[str] = []
    for statement in reversed(statements):
        if len(statement) <= budget:
            chosen.append(statement)
            budget -= len(statement)
    return "".join(reversed(chosen))


def _statement(lines: Sequence[str], first: int, end: int) -> tuple[str | None, int]:
    """The statement that begins at ``first`` and the line after it; None where its brackets stay open."""
    depth, parts = 0, []
    for line in range(first, min(first + _STATEMENT_LINES, end)):
        text = lines[line]
        if len(text) > _STATEMENT_WIDTH:
            return None, line + 1
        content = text[: content_length(text)]
        parts.append(content.rstrip() + "\n")
        depth += sum(map(content.count, _OPEN)) - sum(map(content.count, _CLOSE))
        if depth <= 0 and not content.endswith("\\"):
            return "".join(parts), line + 1
    return None, first + 1
