"""Source trees for the tests of data sets."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

CODE = '''"""Reads {name}."""


def read_{name}(stream, limit):
    """The first {name} of a stream, as many as the limit allows."""
    found = []
    for line in stream:
        if line.startswith("{name}:") and len(found) < limit:
            found.append(line.partition(":")[2].strip())
    return found
'''


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files by their paths below a folder, and give the folder."""
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def sources(*names: str) -> dict[str, str]:
    """Python files that have little in common, one for each name."""
    words = ("alpha", "bravo", "carol", "delta", "echo", "fox", "golf", "hotel", "india", "juliet")
    made: dict[str, str] = {}
    for name in names:
        number = sum(map(ord, name)) + len(name)
        body = "\n".join(
            f"    {words[(number + step) % 10]}_{name} = {words[(number * 3 + step) % 10]}_{step} + {number * step}"
            for step in range(12)
        )
        made[f"{name}.py"] = (
            CODE.format(name=name) + f"\n\ndef more_{name}(value):\n{body}\n    return value\n"
        )
    return made


def repository(root: Path, origin: str = "", **git: str) -> Path:
    """Make a folder look like a repository, as far as what is read of one goes; no git is needed."""
    config = (
        f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {origin}\n'
        if origin
        else "[core]\n\tbare = false\n"
    )
    files: dict[str, str | bytes] = {".git/HEAD": "ref: refs/heads/main\n", ".git/config": config}
    return write(root, files | {f".git/{name}": text for name, text in git.items()})


def git_files(root: Path) -> set[str]:
    """What the real git would add."""
    done = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-o", "-z", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    return {name for name in done.stdout.decode().split("\0") if name}
