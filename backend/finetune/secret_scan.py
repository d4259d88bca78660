"""Finds secrets in a text by the patterns of detect-secrets. What is found is counted by its kind and never kept.

Only the library's patterns are used: its verification, which asks the services that a secret is for, is never reached.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Protocol

_ALLOWED = re.compile(
    r"pragma: ?allowlist[ -](?:next)?line[ -]?secret|pragma: ?allowlist secret", re.IGNORECASE
)
_LEFT_OUT = {"IPPublicDetector", "KeywordDetector", "Base64HighEntropyString", "HexHighEntropyString"}
"""Kinds that mark more code than secrets."""


class _Detector(Protocol):
    secret_type: str

    def analyze_string(self, string: str) -> Iterator[str]:
        """What it takes for secrets in a line."""
        ...


def secrets_in(text: str) -> list[tuple[int, str]]:
    """Line (from 1) and kind of each secret; each kind once a line."""
    found = set()
    for regex, detector in _patterns():
        for hit in regex.finditer(text):
            start = text.rfind("\n", 0, hit.start()) + 1
            end = text.find("\n", hit.end())
            line = text[start : end if end >= 0 else len(text)]
            if not _ALLOWED.search(line) and any(map(_is_real, detector.analyze_string(line))):
                found.add((text.count("\n", 0, hit.start()) + 1, detector.secret_type))
    return sorted(found)


def _is_real(secret: str) -> bool:
    """Whether a match is more than a placeholder's shape."""
    from detect_secrets.filters import heuristic

    return not (heuristic.is_templated_secret(secret) or heuristic.is_sequential_string(secret))


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], _Detector], ...]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    kinds = get_mapping_from_secret_type_to_class()
    detectors = [kinds[kind]() for kind in sorted(kinds) if kinds[kind].__name__ not in _LEFT_OUT]
    return tuple(
        (regex, detector)
        for detector in detectors
        if isinstance(detector, RegexBasedDetector)
        for regex in detector.denylist
    )
