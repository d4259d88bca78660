"""`.env` files as Compose reads them: a name, `=`, a value that may be quoted, comments. Pure."""

import re
from collections.abc import Container, Mapping, Sequence

from .errors import ComposeError

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:](.*)")
_PLAIN = re.compile(r"[A-Za-z0-9_./:,@%+-]*")
_HEAD = """\
# Made by `pilotfish-backend compose init`, which can be run again. Compose reads it, and so do the commands.
# No secret stands in here.
"""
_REST = """
# Not written by `compose init`, kept as it was.
"""


def parse(text: str) -> dict[str, str]:
    """The variables of a file; the last one of a name counts. Raises ``ComposeError`` that names the line."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (match := _LINE.fullmatch(line)) is None:
            raise ComposeError(f".env, line {number}: expected NAME=VALUE.")
        values[match[1]] = _value(match[2].strip(), number)
    return values


def others(text: str, ours: Container[str]) -> list[str]:
    """The lines of a file with variables that are not ours, as they stand there: Compose may put values into them."""
    matches = (_LINE.fullmatch(line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [match[0] for match in matches if match and match[1] not in ours]


def render(values: Mapping[str, str], rest: Sequence[str]) -> str:
    """A file with our variables, and with the lines that somebody else has added."""
    lines = [_HEAD, *(f"{name}={_quoted(name, value)}\n" for name, value in values.items())]
    if rest:
        lines += [_REST, *(f"{line}\n" for line in rest)]
    return "".join(lines)


def _value(text: str, number: int) -> str:
    if text[:1] in {"'", '"'}:
        quote = text[0]
        end = text.find(quote, 1)
        if end < 0 or (text[end + 1 :].strip() and not text[end + 1 :].lstrip().startswith("#")):
            raise ComposeError(f".env, line {number}: the quotes don't match.")
        return text[1:end]
    return re.split(r"\s+#", text, maxsplit=1)[0]


def _quoted(name: str, value: str) -> str:
    """The value, in single quotes where Compose would make something else of it."""
    if _PLAIN.fullmatch(value):
        return value
    if "'" in value or not value.isprintable():
        raise ComposeError(f"{name}: {value!r} can't be written to .env; use a name without quotes in it.")
    return f"'{value}'"
