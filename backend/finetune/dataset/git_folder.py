"""What a repository's own files say of it. They are read as text; git is never run on what others wrote."""

import os
import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

from .file_names import printable

_MOST = 1 << 20
"""Bytes of a configuration or of a list of patterns that are read."""
_SECTION = re.compile(r'\s*\[\s*remote\s+"origin"\s*\]', re.IGNORECASE)
_URL = re.compile(r"\s*url\s*=\s*(.+?)\s*", re.IGNORECASE)
_SCP = re.compile(r"(?:[^@/\s]+@)?([^:/\s]+):(?!//)(.+)")
"""user@host:path, as ssh takes it."""


def small_text(file: str | Path) -> str | None:
    """A small regular file as text, whatever its bytes are; None if there is none that can be read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        try:
            return opened.read(_MOST).decode("utf-8", "replace")
        except OSError:
            return None


def git_folder(root: Path) -> Path | None:
    """Where the repository in this folder has its configuration; None if the folder is no repository.

    A submodule and a second work tree have a file that names the place.
    """
    place = root / ".git"
    if small_text(place / "HEAD") is not None:
        return place
    text = small_text(place) or ""
    if not text.startswith("gitdir:"):
        return None
    named = root / text.removeprefix("gitdir:").strip()
    common = small_text(named / "commondir")
    return named / common.strip() if common else named


def enclosing_repository(folder: Path) -> Path | None:
    """The nearest folder from this one upwards that is a repository's root."""
    return next((each for each in (folder, *folder.parents) if git_folder(each)), None)


def repository_name(root: Path, git: Path | None) -> str:
    """Host and path of the remote ``origin``, without credentials; else the folder's name."""
    return printable((origin_of(small_text(git / "config") or "") if git else None) or root.name)


def origin_of(config: str) -> str | None:
    """Host and path of ``origin`` in the text of a .git/config, such as ``example.com/team/app``."""
    inside = False
    for line in config.splitlines():
        if line.lstrip().startswith("["):
            inside = _SECTION.match(line) is not None
        elif inside and (found := _URL.fullmatch(line)):
            return _plain(found[1].strip('"'))
    return None


def _plain(url: str) -> str | None:
    """An address without scheme, user, password, port, query and ``.git``; None for one on this machine."""
    if "://" in url:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname, parts.path
        except ValueError:
            return None
    elif found := _SCP.fullmatch(url):
        host, path = found[1], found[2]
    else:
        return None
    path = path.strip("/").removesuffix(".git").split("?", 1)[0]
    return f"{host}/{path}" if host and path else None
