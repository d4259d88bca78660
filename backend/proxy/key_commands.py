"""`pilotfish-backend keys`: the names and lives of API keys."""

import sys
import time
from pathlib import Path

from . import keys


def add(path: Path, name: str, *, rate: float | None, concurrency: int | None) -> int:
    """Make a key and print it; nobody can print it again."""
    key = keys.add(path, name, rate=rate, concurrency=concurrency)
    print(f"The key for {name}; it is shown this once, {path} holds its hash only:", file=sys.stderr)
    print(key)
    return 0


def show(path: Path) -> int:
    """Print all keys' names, ages and limits."""
    records = keys.load(path)
    if not records:
        print(f"There are no keys in {path}.", file=sys.stderr)
    width = max((len(record.name) for record in records), default=0)
    for record in sorted(records, key=lambda record: record.name):
        made = time.strftime("%Y-%m-%d", time.localtime(record.created))
        print(f"{record.name:<{width}}  made {made}  {_limits(record)}".rstrip())
    return 0


def revoke(path: Path, name: str) -> int:
    """Forget a key; a running server refuses it from its next request on."""
    keys.revoke(path, name)
    print(f"{name} is revoked.", file=sys.stderr)
    return 0


def _limits(record: keys.KeyRecord) -> str:
    limits = []
    if record.rate is not None:
        limits.append(f"{record.rate:g} a minute" if record.rate else "any rate")
    if record.concurrency is not None:
        limits.append(f"{record.concurrency} at once" if record.concurrency else "any number at once")
    return ", ".join(limits)
