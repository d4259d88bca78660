"""What each source is, and what is to be looked into in it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from .examine import Item
from .file_names import UNPRINTABLE, printable, why_left_by_path
from .hub_rows import hub_rows
from .options import DatasetError, DatasetOptions
from .reasons import NO_TEXT
from .tables import READERS, Row, rows_of
from .walk import Found, Identity, Left, walk

_HUB_NAME = re.compile(r"(\w[\w.-]*)/\w[\w.-]*(?::[\w.-]+)?")
"""Always with its maker, so that a folder's mistyped name is not sent out to be looked for."""
_PATHS = ("path", "max_stars_repo_path", "file_path", "filepath")
_REPOS = ("repo", "repo_name", "repository", "repository_name", "max_stars_repo_name")
_LICENCES = ("licence", "license", "max_stars_repo_licenses", "licenses")
"""What columns are called in data sets of code; the first that is there counts."""


class Kind(Enum):
    """What a source is."""

    FOLDER = "folder"
    TABLE = "table"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Source:
    """One of the sources that were named."""

    name: str
    kind: Kind
    place: Path = Path()
    """Absolute, without links; meaningless for the hub."""


def recognised(name: str) -> Source:
    """What a source is. A folder or file of this name goes before a data set on the hub. Raises ``DatasetError``.

    What would lie in a folder that is here is a mistyped path, and not asked for elsewhere.
    """
    place = Path(name)
    if place.is_dir():
        return Source(name, Kind.FOLDER, place.resolve())
    if place.is_file():
        if place.suffix.lower() not in READERS:
            raise DatasetError(
                f"{name}: a single file must be a table ({', '.join(READERS)}). Name the folder that it is in."
            )
        return Source(name, Kind.TABLE, place.resolve())
    hub = _HUB_NAME.fullmatch(name)
    if hub is None or place.suffix.lower() in READERS or Path(hub[1]).exists():
        raise DatasetError(
            f"{name}: there is no such folder or file. A data set on the hub is named MAKER/NAME."
        )
    return Source(name, Kind.HUB)


def items_of(source: Source, options: DatasetOptions, skip: frozenset[Identity]) -> Iterator[Item | Left]:
    """What is to be looked into, and what is left out already."""
    match source.kind:
        case Kind.FOLDER:
            for each in walk(source.place, max_size=options.max_file_size, skip=skip):
                match each:
                    case Found():
                        yield Item(each.path, each.repo, each.licence, each.size, each.file)
                    case Left():
                        yield each
        case Kind.TABLE:
            yield from _rows(
                rows_of(source.place, options.text_column), printable(source.place.stem), options.text_column
            )
        case Kind.HUB:
            yield from _rows(hub_rows(source.name, options.text_column), source.name, options.text_column)


def _rows(rows: Iterable[Row], name: str, text_column: str) -> Iterator[Item | Left]:
    for row in rows:
        text = row.get(text_column)
        if not isinstance(text, str):
            yield Left(NO_TEXT)
            continue
        path, size = _path(_first(row, _PATHS)), len(text.encode("utf-8", "replace"))
        if reason := why_left_by_path(path):
            yield Left(reason, size)
            continue
        yield Item(
            path=path,
            repo=_plain(_first(row, _REPOS)) or name,
            licence=_licence(_first(row, _LICENCES)),
            size=size,
            text=text,
        )


def _first(row: Row, names: Iterable[str]) -> Any:
    return next((row[name] for name in names if row.get(name)), None)


def _path(value: object) -> str:
    """A path for the header, relative and with forward slashes; empty if the row has none that can be used."""
    text = _plain(value).replace("\\", "/").lstrip("/")
    return "" if ".." in PurePosixPath(text).parts else text


def _plain(value: object) -> str:
    return value if isinstance(value, str) and not UNPRINTABLE.search(value) else ""


def _licence(value: object) -> str | None:
    if isinstance(value, list):
        return " OR ".join(sorted(filter(None, map(_plain, value)))) or None
    return _plain(value) or None
