"""The local backend's log: rotated before each start, so that it never grows without end, and quoted when one fails."""

from pathlib import Path

MAX_BYTES = 1 << 20
KEPT = 2
"""Older logs that are kept beside the current one."""
TAIL_BYTES = 2000
TAIL_LINES = 12


def prepare_log(path: Path) -> int:
    """Rotate a log that has grown large; return how long the current one is."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    if size <= MAX_BYTES:
        return size
    for number in range(KEPT, 0, -1):
        older = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number}"))
    return 0


def tail(path: Path, start: int) -> str:
    """Return the last lines that were logged after byte ``start``; empty when there are none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            begin = max(size - TAIL_BYTES, min(start, size))
            file.seek(begin)
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])
