"""Looks into one file, or one row of a table: what a data set has of it, or why it has nothing. Runs in processes."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from .file_text import decoded, plain, why_left_by_text
from .licence import header_licence
from .path_header import path_header
from .reasons import BINARY, NO_TEXT, NOT_UTF8, SECRET, TOO_LARGE, UNREADABLE
from .secret_scan import secrets_in
from .similarity import signature

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile("[\udc80-\udcff]")
"""Bytes that were no UTF-8, as Python has them."""


@dataclass(frozen=True, slots=True)
class Item:
    """What to look into."""

    path: str = ""
    """What the header names."""
    repo: str = ""
    licence: str | None = None
    """Where the file itself does not say."""
    size: int = 0
    """In bytes, for the progress."""
    file: str | None = None
    """To be read; None: the text is here."""
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    path: str
    repo: str
    size: int
    reason: str | None = None
    """Why it is left out; None: it is taken."""
    secrets: tuple[tuple[int, str], ...] = ()
    """Line and kind of each secret; the secrets themselves stay where they are."""
    row: bytes = field(default=b"", repr=False)
    """Its line of JSON."""
    digest: bytes = b""
    """Equal for equal texts."""
    signed: bytes = field(default=b"", repr=False)
    """See ``similarity``."""
    licence: str | None = None


def examine_all(items: Sequence[Item], max_size: int) -> list[Outcome]:
    """Look into several."""
    return [examine(item, max_size) for item in items]


def examine(item: Item, max_size: int) -> Outcome:
    """Look into one."""
    data, text, reason = _opened(item, max_size)
    if reason is None and len(data) > max_size:  # a file may have grown since it was found
        reason = TOO_LARGE
    reason = reason or why_left_by_text(text, item.path)
    found = () if reason else tuple(secrets_in(text, item.path))
    if reason or found:
        return Outcome(item.path, item.repo, item.size, reason or SECRET, found)
    header = path_header(item.path)
    body = text.removeprefix(header)  # of a data set that was built before
    licence = header_licence(text) or item.licence
    row = {
        "text": header + body,
        "path": item.path,
        "repo": item.repo,
        "licence": licence,
        "sha": hashlib.sha256(data).hexdigest(),
    }
    return Outcome(
        item.path,
        item.repo,
        item.size,
        row=json.dumps(row, ensure_ascii=False).encode() + b"\n",
        digest=hashlib.blake2b(body.strip().encode(), digest_size=16).digest(),
        signed=signature(body),
        licence=licence,
    )


def _opened(item: Item, max_size: int) -> tuple[bytes, str, str | None]:
    """An item's bytes and text, and None or the reason why there is none."""
    if item.file is not None:
        data = _read(item.file, max_size)
        return (b"", "", UNREADABLE) if data is None else (data, *decoded(data))
    if item.text is None:
        return b"", "", NO_TEXT
    reason = NOT_UTF8 if _ESCAPED.search(item.text) else BINARY if "\0" in item.text else None
    text = _SURROGATE.sub("\ufffd", plain(item.text))
    return text.encode(), text, reason


def _read(file: str, max_size: int) -> bytes | None:
    """A regular file's bytes, at most one more than ``max_size``; None if it can't be read."""
    try:
        # A link or a pipe may stand now where a file was found.
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            return opened.read(max_size + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except OSError:
        return None
