"""One file for a host without internet: images, model, compose files and `.env`, with every file's SHA-256.

It is a plain tar of a team backend's folder. What `load` does with it can be done by hand as well, see its README.txt.
Keys and other secrets are not in it.
"""

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from . import dotenv
from .docker import Docker
from .errors import ComposeError
from .folder import read_others
from .repository import refuse_broken
from .team import Team, values_of

SUMS = "SHA256SUMS"
IMAGES = "images.tar"
ROOT = "pilotfish-team"
_LEFT_OUT = ("keys", "secrets", "data", "models", "checkpoints", "training")
_BLOCK = 1 << 20
_README = """\
A team backend of Pilotfish for a host without internet. With pilotfish-backend there:

    pilotfish-backend compose load THIS.tar

By hand:

    tar xf THIS.tar && cd {root} && sha256sum --check --quiet {sums} && docker load --input {images}
    # PILOTFISH_UID and PILOTFISH_GID in .env are your own: id -u, id -g
    mkdir -m 700 keys secrets data data/prometheus data/grafana
    docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD/keys:/keys" {proxy} \\
        keys add team --api-key-file /keys/keys.json
    docker compose up --detach
"""


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The tar that is being written."""

    archive: tarfile.TarFile
    advance: Callable[[int], None]
    sums: dict[str, str] = field(default_factory=dict)

    def add_file(self, path: Path, name: str) -> None:
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            entry = _entry(name, stat.st_size, 0o755 if stat.st_mode & 0o100 else 0o644)
            hashed = _Hashed(file, self.advance)
            self.archive.addfile(entry, hashed)
        self.sums[name] = hashed.digest.hexdigest()

    def add_text(self, name: str, text: str) -> None:
        data = text.encode()
        self.archive.addfile(_entry(name, len(data), 0o644), BytesIO(data))
        self.sums[name] = hashlib.sha256(data).hexdigest()


def write_bundle(
    docker: Docker, team: Team, out: Path, advance: Callable[[int], None] = lambda _: None
) -> Path:
    """Write the bundle; images that are not on this host are built or pulled first. Raises ``ComposeError``.

    ``out`` appears when it is whole; what is there already is not replaced.
    """
    if out.exists():
        raise ComposeError(f"{out} is there already. Name another file, or remove it.")
    if not (parent := out.absolute().parent).is_dir():
        raise ComposeError(f"there is no folder {parent} to write {out.name} into.")
    refuse_broken(team.model_dir)
    images = list(dict.fromkeys(docker.compose_output("config", "--images").split()))
    _bring(docker, images)
    folder, scratch = docker.folder, out.with_name(f".{out.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as work:
            saved = Path(work) / IMAGES
            if docker.docker("save", "--output", str(saved), *images):
                raise ComposeError("docker save failed; see above.")
            with tarfile.open(scratch, "w", format=tarfile.PAX_FORMAT) as archive:
                bundle = _Bundle(archive, advance)
                bundle.add_text(".env", _portable(folder, team))
                bundle.add_text("README.txt", _readme(team))
                for path, name in _files(folder, team):
                    bundle.add_file(path, name)
                bundle.add_file(saved, IMAGES)
                sums = "".join(f"{digest}  {name}\n" for name, digest in bundle.sums.items())
                bundle.add_text(SUMS, sums)
        scratch.replace(out)
    except OSError as error:
        raise ComposeError(f"{error.filename or out}: {error.strerror}") from error
    finally:
        scratch.unlink(missing_ok=True)
    return out


def unpack_bundle(file: Path, into: Path, advance: Callable[[int], None] = lambda _: None) -> None:
    """Unpack a bundle into the folder ``into``, which must be new, and check every file. Raises ``ComposeError``."""
    found: dict[str, str] = {}
    try:
        with tarfile.open(file, "r:") as archive:
            for entry in archive:
                name = _safe_name(entry)
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as out:
                    source = archive.extractfile(entry)
                    found[name] = _copy(source, out, advance) if source else ""
                target.chmod(0o755 if entry.mode & 0o100 else 0o644)
    except (tarfile.TarError, EOFError) as error:
        raise ComposeError(f"{file} is damaged, or no bundle: {error}") from error
    except OSError as error:
        raise ComposeError(f"{error.filename or file}: {error.strerror or error}") from error
    if wrong := _differences(into, found):
        raise ComposeError(f"{file} is damaged: {', '.join(wrong[:10])}. Copy it again; nothing was changed.")


def portable_team(team: Team) -> Team:
    """The team backend with its paths as they are in a bundle."""
    return replace(
        team,
        model_dir=Path("models") / team.model_dir.name,
        checkpoints=Path("checkpoints"),
        keys_dir=Path("keys"),
    )


def _bring(docker: Docker, images: list[str]) -> None:
    if all(docker.has_image(image) for image in images):
        return
    for arguments in (("build",), ("pull", "--ignore-buildable")):
        if docker.compose(*arguments):
            raise ComposeError(f"docker compose {arguments[0]} failed; see above.")


def _files(folder: Path, team: Team) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        own = (
            name.parts[0] in _LEFT_OUT
            or name.parts[0].startswith(".")
            or path.suffix in {".part", ".before", ".tar"}
        )
        inside = path.is_relative_to(team.model_dir) or path.is_relative_to(team.keys_dir)
        if path.is_file() and not own and not inside and name.as_posix() not in {IMAGES, SUMS, "README.txt"}:
            yield path, name.as_posix()
    for path in sorted(team.model_dir.rglob("*")):
        if path.is_file():
            yield path, f"models/{team.model_dir.name}/{path.relative_to(team.model_dir).as_posix()}"


def _portable(folder: Path, team: Team) -> str:
    values: Mapping[str, str] = {
        name: f"./{value}" if name in {"MODEL_DIR", "HF_CACHE_DIR", "KEYS_DIR"} else value
        for name, value in values_of(portable_team(team)).items()
    }
    return dotenv.render(values, read_others(folder / ".env"))


def _readme(team: Team) -> str:
    return _README.format(root=ROOT, sums=SUMS, images=IMAGES, proxy=f"pilotfish-proxy:{team.version}")


def _entry(name: str, size: int, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(f"{ROOT}/{name}")
    entry.size, entry.mode = size, mode
    return entry


def _safe_name(entry: tarfile.TarInfo) -> str:
    path = PurePosixPath(entry.name)
    if (
        not entry.isreg()
        or path.is_absolute()
        or ".." in path.parts
        or path.parts[:1] != (ROOT,)
        or len(path.parts) < 2
    ):
        raise ComposeError(f"this is no bundle of ours: it holds {entry.name!r}. Nothing was changed.")
    return path.relative_to(ROOT).as_posix()


def _differences(into: Path, found: Mapping[str, str]) -> list[str]:
    """Names of files that are not what the list of hashes says."""
    try:
        lines = (into / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return [f"it has no {SUMS}"]
    said = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return [name for name in sorted({*said, *found} - {SUMS}) if said.get(name) != found.get(name)]


class _Hashed:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes], advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self._advance(len(data))
        return data


def _copy(source: IO[bytes], out: IO[bytes], advance: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    while block := source.read(_BLOCK):
        digest.update(block)
        out.write(block)
        advance(len(block))
    return digest.hexdigest()
