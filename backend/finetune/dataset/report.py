"""What became of every file, in numbers. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .reasons import LABELS

FORMAT = 1
_PLACES = 100
"""Places of secrets that a report names."""
_LISTED = 30
"""Repositories, licences and suffixes that a report names; the rest is summed up."""


@dataclass(slots=True)
class Tally:
    """Counts files and their bytes."""

    files: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """One more."""
        self.files += 1
        self.bytes += size

    def plain(self) -> dict[str, int]:
        """For JSON."""
        return {"files": self.files, "bytes": self.bytes}


@dataclass(slots=True)
class Report:
    """Filled while a data set is built."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    seen: Tally = field(default_factory=Tally)
    train: Tally = field(default_factory=Tally)
    validation: Tally = field(default_factory=Tally)
    dropped: dict[str, Tally] = field(default_factory=dict)
    secrets: Counter[str] = field(default_factory=Counter)
    places: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Repository, path, line and kind of secrets."""
    repositories: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)

    def drop(self, reason: str, size: int) -> None:
        """A file is left out."""
        self.dropped.setdefault(reason, Tally()).add(size)

    def found_secret(self, repo: str, path: str, line: int, kind: str) -> None:
        """A secret was found; where, and not what."""
        self.secrets[kind] += 1
        self.places.append((repo, path, line, kind))

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        places = sorted(self.places)[:_PLACES]
        return {
            "format": FORMAT,
            "settings": dict(self.settings),
            "seen": self.seen.plain(),
            "train": self.train.plain(),
            "validation": self.validation.plain(),
            "dropped": {reason: self.dropped[reason].plain() for reason in LABELS if reason in self.dropped},
            "secrets": {
                "kinds": dict(sorted(self.secrets.items())),
                "places": [
                    dict(zip(("repo", "path", "line", "kind"), place, strict=True)) for place in places
                ],
            },
            "repositories": _shortened(self.repositories),
            "licences": _shortened(self.licences),
            "suffixes": _shortened(self.suffixes),
        }


def report_lines(report: Report) -> list[str]:
    """The report as a table for people."""
    rows = [("seen", report.seen)]
    rows += [(f"- {LABELS[reason]}", report.dropped[reason]) for reason in LABELS if reason in report.dropped]
    rows += [("= training", report.train), ("= validation", report.validation)]
    width = max(len(name) for name, _ in rows)
    lines = [f"{'':{width}}  {'files':>9}  {'bytes':>15}"]
    lines += [f"{name:{width}}  {tally.files:9,}  {tally.bytes:15,}" for name, tally in rows]
    for repo, path, line, kind in sorted(report.places)[:10]:
        lines.append(f"secret: {repo}: {path}, line {line}: {kind}")
    if len(report.places) > 10:
        lines.append(f"secrets: {len(report.places) - 10} more; report.json names the first {_PLACES}")
    return lines


def _shortened(counts: Counter[str]) -> dict[str, int]:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rest = sum(count for _, count in ordered[_LISTED:])
    return dict(ordered[:_LISTED]) | ({"(others)": rest} if rest else {})
