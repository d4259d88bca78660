"""A whole checkpoint from the Hugging Face hub: weights, configuration and tokenizer, of one commit."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .catalogue import HubSource
from .errors import NoSpaceError, PullError
from .hub import explained, fetch_hub
from .progress import Progress, readable

RECORD = "pilotfish-download.json"
"""What a downloaded checkpoint has beside its files: where they are from, with their sizes and hashes."""

_SPARE = 64 * 1024 * 1024  # bytes that are left free on the disk
_WEIGHTS = (
    re.compile(r"model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json"),
    re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin|pytorch_model\.bin\.index\.json"),
)
"""Forms of the weights, the preferred one first."""
_BESIDE = frozenset(
    (
        *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"),
        *(
            "merges.txt",
            "added_tokens.json",
            "special_tokens_map.json",
            "README.md",
            "LICENSE",
            "LICENSE.txt",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    size: int


def choose_files(names: Sequence[str]) -> list[str]:
    """Which of a repository's files make a checkpoint: one form of the weights, and what goes with it.

    Raises ``PullError`` if there are no weights, or no config.json.
    """
    if "config.json" not in names:
        raise PullError("there is no config.json in it, so it is no checkpoint of transformers'.")
    for form in _WEIGHTS:
        if weights := [name for name in names if form.fullmatch(name)]:
            return sorted([*weights, *(name for name in names if name in _BESIDE)])
    raise PullError("there are no weights in it, neither as model.safetensors nor as pytorch_model.bin.")


def fetch_checkpoint(
    repository: str,
    into: Path,
    progress: Progress,
    *,
    revision: str = "main",
    endpoint: str | None = None,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> Path:
    """Download the checkpoint to the folder ``into``, which appears when all of it is there and its hashes hold.

    What a run that was cut, or killed, has brought is gone on with. A folder that is complete is left as it is, after
    a look at its files' sizes. ``endpoint``: the hub's address, None: what ``huggingface_hub`` is set up for. Raises
    ``PullError`` or one of its subclasses.
    """
    from filelock import FileLock

    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(into.parent / f".{into.name}.lock"):
            if into.exists():
                _check_whole(into, repository)
                return into
            work = into.parent / f".{into.name}.download"
            work.mkdir(exist_ok=True)
            _fetch_all(HubSource(repository, "", revision), work, progress, endpoint, free_bytes)
            work.replace(into)
            return into
    except OSError as error:
        raise PullError(f"{error.filename or into}: {error.strerror or error}.") from error


def _fetch_all(
    source: HubSource,
    work: Path,
    progress: Progress,
    endpoint: str | None,
    free_bytes: Callable[[Path], int],
) -> None:
    commit, wanted = _listing(source, endpoint)
    missing = sum(file.size for file in wanted) - _size_of(work)
    if (free := free_bytes(work)) < missing + _SPARE:
        raise NoSpaceError(
            f"{source.repository} needs {readable(missing)} more in {work.parent}, which has {readable(free)} left. "
            "Make room, or name another folder."
        )
    record: dict[str, object] = {"repository": source.repository, "revision": commit}
    files = {}
    for file in wanted:
        done = work / file.name
        seal = work / f"{file.name}.{commit}.sha256"
        # A file is only called by its name once its hash was right, and the seal says of which commit it is.
        if not (done.exists() and seal.exists()):
            fetched = fetch_hub(
                HubSource(source.repository, file.name, commit),
                partial(_partial, work, file.name),
                progress,
                endpoint=endpoint,
                small=True,
            )
            fetched.path.replace(done)
            seal.write_text(fetched.sha256, "ascii")
        files[file.name] = {"bytes": done.stat().st_size, "sha256": seal.read_text("ascii")}
    names = {*files, RECORD}
    (work / RECORD).write_text(json.dumps({**record, "files": files}, indent=2) + "\n", "utf-8")
    for other in work.iterdir():
        if other.name not in names:
            other.unlink()


def _listing(source: HubSource, endpoint: str | None) -> tuple[str, list[_Wanted]]:
    """The commit, and its files that are wanted."""
    from huggingface_hub import HfApi

    with explained(source.repository, source):
        info = HfApi(endpoint=endpoint).model_info(
            source.repository, revision=source.revision, files_metadata=True
        )
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    try:
        names = choose_files(list(sizes))
    except PullError as error:
        raise PullError(f"{source.repository} can't be used: {error}") from None
    return info.sha or source.revision, [_Wanted(name, sizes[name]) for name in names]


def _partial(work: Path, name: str, told: str) -> Path:
    """Where a download grows; those of versions that the hub has replaced are deleted."""
    path = work / f"{name}.{told}.partial"
    for other in work.glob(f"{name}.*.partial"):
        if other != path:
            other.unlink()
    return path


def _check_whole(folder: Path, repository: str) -> None:
    """Raise ``PullError`` unless the folder holds a download of that repository at its full sizes."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        if record["repository"] != repository:
            raise PullError(f"{folder} holds {record['repository']}, not {repository}; name another folder.")
        for name, file in record["files"].items():
            if (folder / name).stat().st_size != file["bytes"]:
                raise PullError(
                    f"{folder / name} is not whole any more. Delete {folder} to download it again."
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise PullError(
            f"{folder} is no download of {repository} that can be checked. Move it away, or name it as the model."
        ) from None


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
