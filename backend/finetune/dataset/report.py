"""What became of every file, in numbers. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .reasons import IGNORED, LABELS

FORMAT = 1
_PLACES = 100
"""Places of secrets, and folders that were left out, that a report names."""
_TOLD = 10
"""Of each of these, and of the repositories, that are told to people."""
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
    folders: list[tuple[str, str, str]] = field(default_factory=list)
    """Repository, path and reason of folders that were left out with all that is in them."""
    repositories: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)

    def drop(self, reason: str, size: int) -> None:
        """A file is left out."""
        self.dropped.setdefault(reason, Tally()).add(size)

    def left_folder(self, repo: str, path: str, reason: str) -> None:
        """A folder is left out; ``drop`` counts it."""
        self.folders.append((repo, path, reason))

    def left_folders(self) -> list[tuple[str, str, str]]:
        """In an order that has those at the end which git ignores: they are many, and hardly missed."""
        return sorted(self.folders, key=lambda each: (each[2] == IGNORED, *each))

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
            "folders": [
                dict(zip(("repo", "path", "reason"), folder, strict=True))
                for folder in self.left_folders()[:_PLACES]
            ],
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
    taken = [f"{repo} {count:,}" for repo, count in _ordered(report.repositories)]
    if taken:
        lines.append(f"files of: {', '.join(taken[:_TOLD])}{_and_more(taken)}")
    lines += _some(
        "folder left out",
        [f"{repo}: {path}: {_short(reason)}" for repo, path, reason in report.left_folders()],
    )
    lines += _some(
        "secret", [f"{repo}: {path}, line {line}: {kind}" for repo, path, line, kind in sorted(report.places)]
    )
    if report.places:
        lines.append(
            "What is no secret: write 'pragma: allowlist secret' into its line, and build again with --force."
        )
    return lines


def _some(what: str, lines: Sequence[str]) -> list[str]:
    told = [f"{what}: {line}" for line in lines[:_TOLD]]
    if len(lines) > _TOLD:
        told.append(f"{what}: {len(lines) - _TOLD} more; report.json names the first {_PLACES}")
    return told


def _and_more(names: Sequence[str]) -> str:
    return f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""


def _short(reason: str) -> str:
    return LABELS[reason].partition(" (")[0]


def _shortened(counts: Counter[str]) -> dict[str, int]:
    ordered = _ordered(counts)
    rest = sum(count for _, count in ordered[_LISTED:])
    return dict(ordered[:_LISTED]) | ({"(others)": rest} if rest else {})


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    """The largest first."""
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
