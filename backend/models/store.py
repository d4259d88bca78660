"""Where pulled models lie: one GGUF and one manifest each, in one directory."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pulled file is; lies beside it as JSON."""

    name: str
    bytes: int
    sha256: str
    """Of the file as it lies there."""
    licence: str
    source: str
    source_sha256: str
    """Of the GGUF as it came."""
    requantised: str | None = None

    @classmethod
    def read(cls, path: Path) -> "Manifest | None":
        """None if there is none, or it is not one of ours."""
        try:
            return cls(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Store:
    """The directory of pulled models. Nothing half done ever has a model's own name in it."""

    root: Path

    @classmethod
    def under(cls, cache_dir: Path | None) -> "Store":
        """The store inside a cache directory; None: the user's own."""
        if cache_dir is None:
            from platformdirs import user_cache_path

            cache_dir = user_cache_path("pilotfish")
        return cls(cache_dir / "models")

    def file(self, name: str) -> Path:
        """Where the model of that name lies, if it does."""
        return self.root / f"{name}.gguf"

    def partial(self, name: str, sha256: str) -> Path:
        """Where a download that can be gone on with grows; another version of the file grows elsewhere."""
        return self.root / f"{name}.{sha256[:16]}.partial"

    def partials(self, name: str) -> list[Path]:
        """Downloads of that model that were begun."""
        return [path for path in self.root.glob("*.partial") if path.name.rsplit(".", 2)[0] == name]

    def work(self, name: str) -> Path:
        """A directory for what is needed on the way only; on the same disk, so that renaming is atomic."""
        return self.root / f".{name}.work"

    def lock(self, name: str) -> Path:
        """The lock that a pull holds."""
        return self.root / f".{name}.lock"

    def manifest(self, name: str) -> Manifest | None:
        """What is known about a model that is here; None if it is not."""
        return Manifest.read(self._manifest_path(name)) if self.file(name).is_file() else None

    def commit(self, finished: Path, manifest: Manifest) -> Path:
        """Give a finished file its name. Killed in between, the model is absent or the one before."""
        text = json.dumps(asdict(manifest), indent=2) + "\n"
        scratch = finished.with_name(f"{finished.name}.json")
        scratch.write_text(text, "utf-8")
        for path in (scratch, finished):
            _to_disk(path)
        scratch.replace(self._manifest_path(manifest.name))
        finished.replace(self.file(manifest.name))
        return self.file(manifest.name)

    def _manifest_path(self, name: str) -> Path:
        return self.root / f"{name}.json"


def sha256_of(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    """The file's hash in hexadecimal; ``on_bytes`` hears how many more bytes were read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            on_bytes(len(chunk))
    return digest.hexdigest()


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
