"""Finds the files below a folder, repository by repository, in the order of their names. No link is followed."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .file_names import printable, why_folder_left, why_left_by_name
from .git_folder import enclosing_repository, git_folder, repository_name, small_text
from .ignored import Patterns, is_ignored, marked, read_attributes, read_ignore
from .licence import folder_licence, is_licence_file
from .reasons import BARE, IGNORED, LINK, LINK_LOOP, ODD_NAME, SPECIAL, TOO_LARGE, UNREADABLE, VENDORED

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HISTORIES = frozenset((".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", "CVS"))
"""What version controls keep beside the files."""
_BARE = frozenset(("HEAD", "objects", "refs"))
"""What git has in a repository without a work tree."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file to look into."""

    file: str
    """Where it is."""
    path: str
    """Relative to its repository's root, with forward slashes."""
    repo: str
    """How its repository is called."""
    licence: str | None
    """What the nearest licence file up to the root says."""
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class Left:
    """A file or folder that is not taken."""

    reason: str
    size: int = 0
    repo: str = ""
    """Of a folder, how its repository is called; of a file empty."""
    path: str = ""
    """Of a folder, relative to its repository's root."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What holds in a folder."""

    root: Path
    repo: str
    ignore: tuple[Patterns, ...] = ()
    attributes: tuple[Patterns, ...] = ()
    licence: str | None = None


Identity = tuple[int, int]


def identity(path: Path) -> Identity | None:
    """A folder's device and inode; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def walk(source: Path, *, max_size: int, skip: frozenset[Identity] = frozenset()) -> Iterator[Found | Left]:
    """All that is below a folder. ``skip``: folders that are passed over in silence.

    A source inside a repository is read by that repository's rules, with paths from its root, unless these ignore the
    source itself: then it is no part of the repository.
    """
    source = source.resolve()
    waiting: list[tuple[Path, _Place]] = [(source, _start(source))]
    while waiting:
        folder, place = waiting.pop()
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: os.fsencode(entry.name))
        except OSError:
            yield _left_folder(UNREADABLE, folder, place)
            continue
        names = [entry.name for entry in entries]
        if _BARE.issubset(names):
            yield _left_folder(BARE, folder, place)
            continue
        place = _entered(folder, place, names)
        folders = []
        for entry in (entry for entry in entries if entry.name not in _HISTORIES):
            match _seen(entry, place, max_size, skip):
                case None:
                    continue
                case Path() as below:
                    folders.append((below, place))
                case Found() | Left() as what:
                    yield what
        waiting.extend(reversed(folders))


def _start(source: Path) -> _Place:
    """What holds above the source."""
    root = enclosing_repository(source)
    if root is None or root == source:
        return _Place(source, repository_name(source, git_folder(source)))
    place = _Place(root, repository_name(root, git_folder(root)))
    for folder in (*reversed(source.relative_to(root).parents), source.relative_to(root)):
        here = root / folder
        if folder.parts and is_ignored(folder.as_posix(), place.ignore, folder=True):
            return _Place(source, repository_name(source, None))
        if here != source:
            try:
                names = [entry.name for entry in here.iterdir()]
            except OSError:
                names = []
            place = _entered(here, place, names)
    return place


def _entered(folder: Path, place: _Place, names: list[str]) -> _Place:
    """What holds in a folder: its parent's rules and its own, or those of the repository that begins here."""
    git = git_folder(folder) if ".git" in names else None
    if git is not None:
        place = _Place(folder, repository_name(folder, git))
        place = _with_rules(place, git / "info" / "exclude", git / "info" / "attributes", "")
    relative = folder.relative_to(place.root).as_posix()
    place = _with_rules(
        place,
        folder / ".gitignore" if ".gitignore" in names else None,
        folder / ".gitattributes" if ".gitattributes" in names else None,
        "" if relative == "." else f"{relative}/",
    )
    texts = {name: small_text(folder / name) or "" for name in names if is_licence_file(name)}
    return replace(place, licence=folder_licence(texts)) if texts else place


def _with_rules(place: _Place, ignore: Path | None, attributes: Path | None, relative: str) -> _Place:
    more, also = (ignore and small_text(ignore)), (attributes and small_text(attributes))
    if more:
        place = replace(place, ignore=(*place.ignore, read_ignore(more, relative)))
    if also:
        place = replace(place, attributes=(*place.attributes, read_attributes(also, relative)))
    return place


def _seen(
    entry: os.DirEntry[str], place: _Place, max_size: int, skip: frozenset[Identity]
) -> Found | Left | Path | None:
    """What is to be done about an entry: a folder to go into (a Path), a file, what is left out, or nothing at all."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return Left(UNREADABLE)
    folder, size = stat.S_ISDIR(status.st_mode), status.st_size
    if folder and (status.st_dev, status.st_ino) in skip:
        return None
    path = Path(entry.path).relative_to(place.root).as_posix()
    if is_ignored(path, place.ignore, folder=folder):
        return _left_folder(IGNORED, Path(entry.path), place) if folder else Left(IGNORED, size)
    if folder:
        return _folder(entry, path, place)
    reason = _not_a_file(entry.path, status.st_mode) or _why_left(path, place)
    if reason or size > max_size:
        return Left(reason or TOO_LARGE, size)
    return Found(entry.path, printable(path), place.repo, place.licence, size)


def _not_a_file(file: str, mode: int) -> str | None:
    """What else it is, or None."""
    if stat.S_ISLNK(mode):
        return LINK_LOOP if _circles(file) else LINK
    return None if stat.S_ISREG(mode) else SPECIAL


def _why_left(path: str, place: _Place) -> str | None:
    """The reason why a regular file is not even read, or None."""
    if _CONTROL.search(path):  # also of a folder above the source
        return ODD_NAME
    return marked(path, place.attributes) or why_left_by_name(path)


def _folder(entry: os.DirEntry[str], path: str, place: _Place) -> Left | Path:
    holds = frozenset(() if small_text(Path(entry.path, "pyvenv.cfg")) is None else ("pyvenv.cfg",))
    reason = ODD_NAME if _CONTROL.search(entry.name) else why_folder_left(entry.name, holds=holds)
    if reason == VENDORED and _taken_back(path, place):
        reason = None
    return _left_folder(reason, Path(entry.path), place) if reason else Path(entry.path)


def _left_folder(reason: str, folder: Path, place: _Place) -> Left:
    return Left(reason, 0, place.repo, printable(folder.relative_to(place.root).as_posix()))


def _taken_back(path: str, place: _Place) -> bool:
    """Whether .gitattributes say of what is in a folder that it is not vendored."""
    for patterns in reversed(place.attributes):
        for word, says in patterns.verdicts(f"{path}/any", folder=False):
            if word == VENDORED:
                return not says
    return False


def _circles(link: str) -> bool:
    """Whether who follows this link comes to a folder that it is in, or never arrives."""
    try:
        target = Path(link).resolve(strict=True)
    except OSError as error:
        return error.errno == errno.ELOOP
    except RuntimeError:  # how Python before 3.13 says it
        return True
    return target in Path(link).absolute().parents
