"""What ``pilotfish doctor`` found, and how it is shown. Pure."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

WIDTH = 100


class Verdict(StrEnum):
    """What a finding means."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as somebody wanted, or not safely."""
    FAILURE = "failure"
    """No completions, until something is done about it."""
    NOTE = "note"
    """For information only."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    verdict: Verdict
    found: str
    advice: str = ""
    """What to do, where something is to be done."""


def ok(topic: str, found: str) -> Finding:
    """Find something in order."""
    return Finding(topic, Verdict.OK, found)


def note(topic: str, found: str, advice: str = "") -> Finding:
    """Find something that is good to know."""
    return Finding(topic, Verdict.NOTE, found, advice)


def warning(topic: str, found: str, advice: str) -> Finding:
    """Find something that is not as it should be."""
    return Finding(topic, Verdict.WARNING, found, advice)


def failure(topic: str, found: str, advice: str) -> Finding:
    """Find the reason why there are no completions."""
    return Finding(topic, Verdict.FAILURE, found, advice)


def failed(findings: Sequence[Finding]) -> bool:
    """Whether something keeps completions from coming."""
    return any(finding.verdict is Verdict.FAILURE for finding in findings)


def as_json(findings: Sequence[Finding], *, version: str) -> str:
    """One object: ``version``, ``ok``, and ``findings`` with topic, verdict, found and advice each."""
    report = {
        "version": version,
        "ok": not failed(findings),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(report, ensure_ascii=False, indent=2) + "\n"


def as_text(findings: Sequence[Finding]) -> str:
    """One paragraph for each finding, and a last line that counts."""
    column = max((len(finding.topic) for finding in findings), default=0)
    lines: list[str] = []
    for finding in findings:
        head = f"{finding.verdict:<8} {finding.topic:<{column}}  "
        indent = " " * len(head)
        lines += _wrapped(finding.found, head, indent)
        if finding.advice:
            lines += _wrapped(finding.advice, f"{indent}→ ", f"{indent}  ")
    return "\n".join([*lines, "", _summary(findings), ""])


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return [
        line
        for number, part in enumerate(text.splitlines() or [""])
        for line in textwrap.wrap(
            part,
            WIDTH,
            initial_indent=rest if number else first,
            subsequent_indent=rest,
            # Paths and commands are copied: they stay whole.
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _summary(findings: Sequence[Finding]) -> str:
    counts = [
        f"{count} {verdict}{'s' if count > 1 else ''}"
        for verdict in (Verdict.FAILURE, Verdict.WARNING)
        if (count := sum(finding.verdict is verdict for finding in findings))
    ]
    return ", ".join(counts) if counts else "Everything is in order."
