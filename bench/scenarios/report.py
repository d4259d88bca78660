"""Rows with a target, the table that people read, and the JSON that machines compare."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Row:
    """One number. `samples` are what it was made from, in the same unit."""

    scenario: str
    what: str
    value: float | None
    """None: it could not be measured; `note` says why."""
    unit: str = ""
    target: float | None = None
    """None: a number to look at, without a target."""
    rule: Literal["<=", ">=", "=="] = "<="
    note: str = ""
    samples: tuple[float, ...] = field(default=(), repr=False)

    @property
    def passed(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        if self.value is None:
            return False
        return {
            "<=": self.value <= self.target,
            ">=": self.value >= self.target,
            "==": self.value == self.target,
        }[self.rule]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, interpolated; ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return percentile(values, 0.5)


def milliseconds(seconds: Iterable[float]) -> tuple[float, ...]:
    """Seconds as milliseconds."""
    return tuple(value * 1000 for value in seconds)


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    header = ("scenario", "what", "measured", "target", "")
    lines = [
        (row.scenario, row.what, _number(row.value, row.unit), _target(row), _verdict(row), row.note)
        for row in rows
    ]
    widths = [
        max(len(cell) for cell in column)
        for column in zip(*(line[:5] for line in lines), header, strict=False)
    ]
    printed = ["  ".join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)).rstrip()]
    for line in lines:
        cells = "  ".join(cell.ljust(width) for cell, width in zip(line[:5], widths, strict=True))
        printed.append(f"{cells}  {line[5]}".rstrip())
    return "\n".join(printed)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "commit": _commit(),
    }


def write(path: Path, rows: Sequence[Row], facts: dict[str, Any]) -> None:
    """Write rows and machine facts as JSON."""
    content = {
        "machine": facts,
        "rows": [
            {
                "scenario": row.scenario,
                "what": row.what,
                "value": row.value,
                "unit": row.unit,
                "target": row.target,
                "rule": row.rule,
                "passed": row.passed,
                "note": row.note,
                "samples": [round(sample, 3) for sample in row.samples],
            }
            for row in rows
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    digits = 0 if value == int(value) or abs(value) >= 100 else 2 if abs(value) < 10 else 1
    return f"{value:.{digits}f} {unit}".rstrip()


def _target(row: Row) -> str:
    return "" if row.target is None else f"{row.rule} {_number(row.target, row.unit)}"


def _verdict(row: Row) -> str:
    return {True: "ok", False: "MISSED", None: ""}[row.passed]


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
