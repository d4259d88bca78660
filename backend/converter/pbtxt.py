"""Reads protobuf's text format, as Triton's config.pbtxt is written in. Pure.

The grammar: https://protobuf.dev/reference/protobuf/textformat-spec/ . What a model configuration doesn't use is left
out: extensions, Any, adjacent strings, numbers with suffixes.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

Fields = Mapping[str, Sequence["str | Fields"]]
"""A message: the values of each field in the order in which they stand; numbers and names as they are written."""

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]*                                     # between tokens
    | (?P<string> "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
    | (?P<word> [-+.\w]+ )
    | (?P<sign> [{}<>\[\]:,;] )""",
    re.VERBOSE,
)
_CLOSING = {"{": "}", "<": ">"}
_DEEPEST = 100  # as protobuf's own reader


class PbtxtError(ValueError):
    """The text is not in protobuf's text format; the message names the line."""


def read_pbtxt(text: str) -> Fields:
    """A message out of its text."""
    return _Reader(text).message("")


def parameters(config: Fields) -> dict[str, str]:
    """The ``parameters`` of a Triton model configuration: key to string value."""
    found = {}
    for entry in messages(config, "parameters"):
        for value in messages(entry, "value"):
            found[scalar(entry, "key")] = scalar(value, "string_value")
    return found


def messages(fields: Fields, name: str) -> list[Fields]:
    """The values of a field that are messages."""
    return [value for value in fields.get(name, ()) if not isinstance(value, str)]


def scalar(fields: Fields, name: str, default: str = "") -> str:
    """The last value of a field that is no message, as protobuf takes it."""
    return next((value for value in reversed(fields.get(name, ())) if isinstance(value, str)), default)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._tokens = self._scan()
        self._next = next(self._tokens, "")

    def message(self, closing: str) -> Fields:
        fields: dict[str, list[str | Fields]] = {}
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error("it is nested too deep")
        while self._next != closing:
            name = self._take()
            if not re.fullmatch(r"[A-Za-z_]\w*", name):
                raise self._error(f"a field's name was expected, not {name or 'the end'}")
            if self._next == ":":
                self._take()
            fields.setdefault(name, []).extend(self._values())
            if self._next in {",", ";"}:
                self._take()
        self._take()
        self._depth -= 1
        return fields

    def _values(self) -> list["str | Fields"]:
        if self._next != "[":
            return [self._value()]
        self._take()
        values: list[str | Fields] = []
        while self._next != "]":
            values.append(self._value())
            if self._next == ",":
                self._take()
            elif self._next != "]":
                raise self._error("a comma or the end of the list was expected")
        self._take()
        return values

    def _value(self) -> "str | Fields":
        token = self._take()
        if token in _CLOSING:
            return self.message(_CLOSING[token])
        if token[:1] in {'"', "'"}:
            return self._unquoted(token)
        if not re.match(r"[-+.\w]", token):
            raise self._error(f"a value was expected, not {token or 'the end'}")
        return token

    def _take(self) -> str:
        token = self._next
        self._next = next(self._tokens, "")
        return token

    def _scan(self) -> Iterator[str]:
        while self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            if match is None:
                raise self._error(f"{self._text[self._at]!r} was not expected")
            self._at = match.end()
            if match.lastgroup:
                yield match.group()

    def _unquoted(self, token: str) -> str:
        body = token[1:-1].replace("\\'", "'")
        if token[0] == "'":
            body = re.sub(r'(?<!\\)"', r"\"", body)
        try:
            return str(json.loads(f'"{body}"'))
        except ValueError as error:
            raise self._error(f"the string {token} holds an escape that is not known") from error

    def _error(self, why: str) -> PbtxtError:
        return PbtxtError(f"line {self._text.count(chr(10), 0, self._at) + 1}: {why}")
