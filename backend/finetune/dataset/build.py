"""Builds a data set: finds files, looks into them, drops what is there twice, splits, writes.

What has been read lies on the disk; in memory is of each file its name, its signature and where its row begins.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pilotfish.backend.models.progress import Progress

from .examine import Item, Outcome, examine_all
from .file_names import printable
from .folder import REPORT, TRAIN, VALIDATION, check_sources, stage_of, staged
from .options import DatasetError, DatasetOptions
from .processes import mapped
from .reasons import DUPLICATE, NEAR_DUPLICATE
from .report import Report, Tally, report_lines
from .similarity import Similar
from .sources import Kind, Source, items_of, recognised
from .split import validation_groups
from .spool import Spool
from .walk import Identity, Left, identity

_BATCH_FILES = 64
_BATCH_BYTES = 1 << 20
_WORTH_PROCESSES = 4 << 20
"""Bytes; less is examined sooner than other processes have started."""


class _Taken:
    """The rows that were taken so far."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.names: list[tuple[str, str]] = []
        self.digests: list[bytes] = []
        self.rows: list[bytes] = []
        """Which of two rows of the same name and text goes first: their order must not matter, nor that of sources."""
        self.sizes: list[int] = []
        self.licences: list[str | None] = []
        self.similar = Similar()
        self._repos: dict[str, str] = {}

    def add(self, outcome: Outcome) -> None:
        """Keep another row."""
        self.spool.add(outcome.row)
        self.names.append((self._repos.setdefault(outcome.repo, outcome.repo), outcome.path))
        self.digests.append(outcome.digest)
        self.rows.append(hashlib.blake2b(outcome.row, digest_size=8).digest())
        self.sizes.append(outcome.size)
        self.licences.append(outcome.licence)
        self.similar.add(outcome.signed)

    def name(self, number: int) -> tuple[str, str]:
        """What the split goes by: repository and path, or for a row without a path what is in it."""
        repo, path = self.names[number]
        return repo, path or self.digests[number].hex()


def build(options: DatasetOptions, progress: Progress) -> Report:
    """Write ``options.out``. Raises ``DatasetError``."""
    out = Path(os.path.realpath(options.out))
    sources = [recognised(name) for name in options.sources]
    check_sources(out, [each.place for each in sources if each.kind != Kind.HUB], force=options.force)
    report = Report(settings=_settings(options))
    with staged(out, force=options.force) as stage, Spool(stage / "rows") as spool:
        taken = _Taken(spool)
        skip = frozenset(each for each in map(identity, (out, stage_of(out))) if each)
        folders = [each for each in sources if each.kind == Kind.FOLDER]
        if folders:
            files = _files(folders, options, skip, report, progress)
            total = sum(item.size for item in files)
            progress.begin("reading files", total)
            _examine(files, options, report, taken, progress, worth=total > _WORTH_PROCESSES)
        for source in sources:
            if source.kind != Kind.FOLDER:
                size = source.place.stat().st_size if source.kind == Kind.TABLE else None
                progress.begin(f"reading {printable(source.name)}", size)
                rows = _counted(items_of(source, options, skip), report)
                _examine(
                    rows, options, report, taken, progress, worth=size is None or size > _WORTH_PROCESSES
                )
        _write(stage, taken, options, report, progress)
        if not report.train.files:
            raise DatasetError("\n".join(("Nothing is left to train on:", *report_lines(report))))
        text = json.dumps(report.plain(), ensure_ascii=False, indent=2)
        (stage / REPORT).write_text(f"{text}\n", "utf-8")
    return report


def _settings(options: DatasetOptions) -> dict[str, Any]:
    """What the report says of how it was built."""
    return {
        "sources": sorted(map(printable, options.sources)),
        "validation": options.validation,
        "max_file_size": options.max_file_size,
        "text_column": options.text_column,
        "seed": options.seed,
        "similarity": options.similarity,
    }


def _files(
    folders: Iterable[Source],
    options: DatasetOptions,
    skip: frozenset[Identity],
    report: Report,
    progress: Progress,
) -> list[Item]:
    """The files of all folders: their names only, so that it is known how much there is to read."""
    progress.begin("looking for files", None)
    return [item for each in folders for item in _counted(items_of(each, options, skip), report)]


def _counted(items: Iterable[Item | Left], report: Report) -> Iterator[Item]:
    for each in items:
        report.seen.add(each.size)
        match each:
            case Left():
                report.drop(each.reason, each.size)
                if each.path:
                    report.left_folder(each.repo, each.path, each.reason)
            case Item():
                yield each


def _examine(
    items: Iterable[Item],
    options: DatasetOptions,
    report: Report,
    taken: _Taken,
    progress: Progress,
    *,
    worth: bool,
) -> None:
    """Look into all and keep what is good; by several processes if it is worth their start."""
    work = partial(examine_all, max_size=options.max_file_size)
    for outcome in mapped(work, _batches(items), options.processes if worth else 1):
        progress.advance(outcome.size)
        for line, kind in outcome.secrets:
            report.found_secret(outcome.repo, outcome.path, line, kind)
        if outcome.reason:
            report.drop(outcome.reason, outcome.size)
        else:
            taken.add(outcome)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.size
        if len(batch) == _BATCH_FILES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write(stage: Path, taken: _Taken, options: DatasetOptions, report: Report, progress: Progress) -> None:
    """Choose among the rows and write both files, in the order of their names."""
    keys = list(zip(taken.names, taken.digests, taken.rows, strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    progress.begin("comparing", None)
    leaders, near = taken.similar.groups(order, options.similarity)
    first: dict[bytes, int] = {}
    kept = []
    for number in order:
        if first.setdefault(taken.digests[number], number) != number:
            report.drop(DUPLICATE, taken.sizes[number])
        elif near[number]:
            report.drop(NEAR_DUPLICATE, taken.sizes[number])
        else:
            kept.append(number)
    groups = {int(leaders[number]): taken.name(int(leaders[number])) for number in kept}
    chosen = validation_groups(groups, options.validation, options.seed)
    progress.begin("writing", sum(taken.sizes[number] for number in kept))
    with (stage / TRAIN).open("wb") as train, (stage / VALIDATION).open("wb") as validation:
        for number in kept:
            row, size = taken.spool.row(number), taken.sizes[number]
            held_out = int(leaders[number]) in chosen
            (validation if held_out else train).write(row)
            _count(report.validation if held_out else report.train, taken, number, report)
            progress.advance(size)


def _count(tally: Tally, taken: _Taken, number: int, report: Report) -> None:
    repo, path = taken.names[number]
    tally.add(taken.sizes[number])
    report.repositories[repo] += 1
    report.licences[taken.licences[number] or "unknown"] += 1
    report.suffixes[PurePosixPath(path).suffix.lower() or "(none)"] += 1
