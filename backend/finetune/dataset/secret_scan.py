"""Finds secrets in a text by the patterns of detect-secrets. What is found is counted by its kind and never kept.

Only the library's patterns are used: its verification, which asks the services that a secret is for, is never reached.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from .secret_values import ACCESS_TOKEN, PREFIXED, is_assigned_secret, is_key_text, is_password

_ALLOWED = re.compile(r"pragma: ?(?:allow|white)list[ -]secret", re.IGNORECASE)
_LEFT_OUT = {"IPPublicDetector", "KeywordDetector", "Base64HighEntropyString", "HexHighEntropyString"}
"""Of the 1,786 modules of Python 3.11's library these mark 32, 12, 11 and 31, none of which holds a secret. What the
second one finds is judged once more, see ``secret_values``."""
_SLOW = {"CloudantDetector", "IbmCloudIamDetector", "IbmCosHmacDetector", "SoftlayerDetector"}
"""Three quarters of the time went to these, whose keys are long: they see lines with a long word only."""
_LONG_WORD = re.compile(r"[0-9A-Za-z_-]{24}")
_KEYWORD = re.compile(r"pass|pwd|secret|key", re.IGNORECASE)
_KEYWORD_OR_TOKEN = re.compile(r"pass|pwd|secret|key|token", re.IGNORECASE)
_KEYWORD_KIND = "Secret Keyword"
_TYPE = re.compile(r"(?<=[\w\"'])[ \t]?:[ \t]?[A-Za-z_][\w.\[\], |]{0,40}=(?!=)")
"""A declared type between a name and its value."""
_SHELL = re.compile(
    r".*\.(?:sh|bash|zsh|env|example|sample|template)|.*(?:dockerfile|containerfile)[^/]*", re.IGNORECASE
)
"""Files in which values need no quotes, beside those that the library knows."""
_Pattern = tuple[re.Pattern[str], Any]
"""What is looked for, and the library's detector that judges what is found."""
_AROUND = 500
"""Characters before and after a hit that are looked at, where a line is long."""


def secrets_in(text: str, path: str = "") -> list[tuple[int, str]]:
    """Line (from 1) and kind of each secret, each kind once a line. ``path`` tells whether strings have quotes."""
    found = {(text.count("\n", 0, place) + 1, kind) for place, kind in _hits(text, path)}
    return sorted(found)


def _hits(text: str, path: str) -> Iterator[tuple[int, str]]:
    """Where something is found, and its kind."""
    quick, slow = _patterns()
    for regex, detector in quick:
        for hit in regex.finditer(text):
            line = _line(text, hit.start(), hit.end())
            if _is_real(detector, line, text[hit.end() : hit.end() + _AROUND]):
                yield hit.start(), detector.secret_type
    for kind, regex in PREFIXED.items():
        for hit in regex.finditer(text):
            if not _ALLOWED.search(_line(text, hit.start(), hit.end())):
                yield hit.start(), kind
    for place, line in _lines(text, _KEYWORD_OR_TOKEN):
        if not _ALLOWED.search(line) and any(map(is_assigned_secret, _assigned(line, path))):
            yield place, _KEYWORD_KIND
    for place, line in _lines(text, _LONG_WORD):
        for regex, detector in slow:
            if regex.search(line) and _is_real(detector, line, ""):
                yield place, detector.secret_type


def _lines(text: str, wanted: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Each line that has something wanted in it, or the part around that."""
    place = 0
    while hit := wanted.search(text, place):
        yield hit.start(), _line(text, hit.start(), hit.end())
        end = text.find("\n", hit.end(), hit.end() + _AROUND)
        place = end if end >= 0 else hit.end() + _AROUND


def _line(text: str, start: int, end: int) -> str:
    """The line around a place, cut where it is very long."""
    first = text.rfind("\n", max(0, start - _AROUND), start) + 1 or max(0, start - _AROUND)
    last = text.find("\n", end, end + _AROUND)
    return text[first : last if last >= 0 else end + _AROUND]


def _is_real(detector: Any, line: str, after: str) -> bool:
    """Whether a match is more than a placeholder or an example."""
    from detect_secrets.filters import heuristic

    if _ALLOWED.search(line):
        return False
    test = _TESTS.get(detector.secret_type, _anything)
    for value in detector.analyze_string(line):
        shape = heuristic.is_templated_secret(value) or heuristic.is_sequential_string(value)
        if not shape and test(value, after):
            return True
    return False


def _anything(value: str, after: str) -> bool:  # noqa: ARG001 - see _TESTS
    return True


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "Artifactory Credentials": lambda value, _: any(map(str.isdigit, value)),
    "Basic Auth Credentials": lambda value, _: is_password(value),
    "Private Key": lambda _, after: is_key_text(after),
}
"""What else must hold of a match and of the text behind it."""


def _assigned(line: str, path: str) -> list[str]:
    """What is given to names that sound like secrets."""
    from detect_secrets.plugins import keyword
    from detect_secrets.util.filetype import determine_file_type

    quoted = keyword.QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP
    patterns = keyword.REGEX_BY_FILETYPE.get(determine_file_type(path), quoted)
    tokens = [hit[1] for hit in ACCESS_TOKEN.finditer(line)]
    if not _KEYWORD.search(line):
        return tokens
    if _SHELL.fullmatch(path):
        patterns = keyword.CONFIG_DENYLIST_REGEX_TO_GROUP
    line = _TYPE.sub(" =", line)
    return [*keyword.KeywordDetector().analyze_string(line, denylist_regex_to_group=patterns), *tokens]


@cache
def _patterns() -> tuple[Sequence[_Pattern], Sequence[_Pattern]]:
    """The library's patterns, each with its detector: those for whole texts, and the slow ones."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    kinds = get_mapping_from_secret_type_to_class()
    quick: list[_Pattern] = []
    slow: list[_Pattern] = []
    for kind in sorted(kinds):
        name = kinds[kind].__name__
        if name in _LEFT_OUT or not issubclass(kinds[kind], RegexBasedDetector):
            continue
        detector = kinds[kind]()
        (slow if name in _SLOW else quick).extend((regex, detector) for regex in detector.denylist)
    return quick, slow
