"""Decides which documents never leave the editor, neither to be completed in nor as context. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from pathspec import PathSpec
    from pathspec.pattern import Pattern

SECRET_FILES = (
    ".env*",
    "*.env",
    "*.pem",
    "*.key",
    "*.crt",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "secrets.*",
    "credentials",
    "credentials.*",
    ".ssh/",
    ".aws/",
    ".gnupg/",
    ".kube/",
    "**/.docker/config.json",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".htpasswd",
    "*.tfvars",
)
"""Patterns as in .gitignore, matched without regard to case."""

FILES = frozenset({"file"})
UNNAMED = frozenset({"untitled", "vscode-notebook-cell", "notebook-cell"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_COPY = re.compile(r"(?:::\$data|\.(?:bak|old|orig|save|swp|tmp)|[\s.~#])+$")
"""What editors, people and file systems put behind a file's name that leaves it the same file, or a copy."""
_DRIVE = re.compile(r"/?([A-Za-z]):(?=/|$)")


def why_excluded(
    uri: str,
    language: str,
    *,
    resolved: str | None = None,
    root: str | None = None,
    exclude: Iterable[str] = (),
    disabled: Iterable[str] = (),
) -> str | None:
    """The reason why nothing is asked for a document, or None when it may be completed in.

    ``exclude`` are the user's globs, as in a .gitignore in the workspace's folder ``root``; those that can't be read
    (see ``unreadable_globs``) count for nothing, and none readmits a secret. ``resolved`` is the file's path with
    symbolic links followed, so that a link can't hide a secret's name.
    """
    found = _SCHEME.match(uri)
    scheme = found.group(1).lower() if found else ""
    if scheme not in FILES | UNNAMED:
        return f"documents of the kind {scheme or 'without a scheme'} are left alone"
    if language.lower() in {name.lower() for name in disabled}:
        return f"the language {language} is switched off (languages.disabled)"
    name = unquote(uri[len(scheme) + 1 :].split("#", 1)[0].split("?", 1)[0])
    paths = {_plain(name)} | ({_plain(resolved)} if resolved else set())
    secrets = _matcher(SECRET_FILES, folded=True)
    if any(secrets.match_file(name) for path in paths for name in _names(path.lower())):
        return "its name is that of a secret"
    wanted = _matcher(tuple(exclude), folded=False)
    base = _plain(root).rstrip("/") + "/" if root else None
    for path in paths:
        inside = path.removeprefix(base) if base and path.startswith(base) else path
        if wanted.match_file(inside):
            return "the setting exclude names it"
    return None


def unreadable_globs(globs: Iterable[str]) -> list[str]:
    """Those of the user's globs that are none."""
    return [glob for glob in globs if not _readable(glob)]


def _names(path: str) -> set[str]:
    """A path, and those of the files that it may be a backup, swap or lock file of."""
    folder, _, name = path.rpartition("/")
    copied = _COPY.sub("", name)
    return {path, *(f"{folder}/{original}" for original in (copied, copied.lstrip(".#")) if original)}


def _plain(path: str) -> str:
    """A path with forward slashes, without its drive and the slash at its start, as patterns see it."""
    path = path.replace("\\", "/")
    path = path.lstrip("/") if path.startswith("//") else path
    return _DRIVE.sub("", path, count=1).lstrip("/")


@lru_cache(maxsize=8)
def _matcher(patterns: tuple[str, ...], *, folded: bool) -> "PathSpec[Pattern]":
    from pathspec import PathSpec

    lines = [pattern.lower() if folded else pattern for pattern in patterns if _readable(pattern)]
    return PathSpec.from_lines("gitignore", lines)


def _readable(pattern: str) -> bool:
    from pathspec import PathSpec
    from pathspec.patterns.gitignore import GitIgnorePatternError

    try:
        PathSpec.from_lines("gitignore", [pattern])
    except GitIgnorePatternError:
        return False
    return True
