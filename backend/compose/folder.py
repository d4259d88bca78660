"""The folder of a team backend: compose files, Dockerfiles, dashboards, secrets; written whole, owned right."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pilotfish.backend.proxy.private_file import write_private

from . import dotenv
from .errors import ComposeError
from .team import DEFAULT_FOLDER, OWNED, Team, team_of, values_of
from .wheel import write_wheel

KEYS = "keys.json"
METRICS_KEY = Path("secrets") / "metrics-key"
GRAFANA_PASSWORD = Path("secrets") / "grafana-password"
PIP_CONF = Path("secrets") / "pip.conf"
_FILES = Path(__file__).parent / "files"
_PRIVATE = ("secrets",)
_WRITTEN_BY_CONTAINERS = ("data/prometheus", "data/grafana", "training")
_PIP_CONF = (
    "# Settings of pip for building the images, e.g. [global] and index-url of your company's index.\n"
)


def find_folder(named: Path | None, here: Path) -> Path:
    """The folder that a command is about: the one named, this one if it is one, or the one that init makes here."""
    if named is not None:
        return named.expanduser().absolute()
    if (here / "compose.yaml").is_file() and (here / ".env").is_file():
        return here
    return here / DEFAULT_FOLDER


def read_values(file: Path) -> dict[str, str]:
    """The variables of a `.env`; none if there is no file. Raises ``ComposeError``."""
    return dotenv.parse(_read(file))


def read_others(file: Path) -> list[str]:
    """The lines of a `.env` that are not about a team. Raises ``ComposeError``."""
    return dotenv.others(_read(file), OWNED)


def read_team(folder: Path) -> Team:
    """The team backend of a folder. Raises ``ComposeError`` if there is none."""
    values = read_values(folder / ".env")
    if missing := [
        name for name in ("MODEL", "MODEL_DIR", "KEYS_DIR", "COMPOSE_PROFILES") if name not in values
    ]:
        raise ComposeError(
            f"{folder / '.env'} is not there, or says nothing of {', '.join(missing)}. "
            "Run 'pilotfish-backend compose init' first, or name the folder: --dir DIR"
        )
    return team_of(values, folder)


def write_files(folder: Path, team: Team) -> None:
    """Write all but `.env`, keys and models; secrets and what containers write to belong to whom they run as.

    Raises ``ComposeError``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(_FILES.rglob("*")):
            if path.is_file():
                _copy(path, folder / path.relative_to(_FILES))
        wheels = folder / "images" / "wheels"
        wheels.mkdir(exist_ok=True)
        write_wheel(wheels)
        make_private(folder, team)
    except OSError as error:
        raise ComposeError(f"can't write {error.filename or folder}: {error.strerror}") from error


def make_private(folder: Path, team: Team) -> None:
    """Make what is secret and what containers write to; what is there stays. Raises ``OSError``."""
    for private in (*_PRIVATE, *_WRITTEN_BY_CONTAINERS):
        (folder / private).mkdir(parents=True, exist_ok=True)
        (folder / private).chmod(0o700)
    for secret, text in ((PIP_CONF, _PIP_CONF), (GRAFANA_PASSWORD, secrets.token_urlsafe(18))):
        if not (folder / secret).exists():
            write_private(folder / secret, text)
    own(folder / "secrets", team)
    own(folder / "data", team)
    own(folder / "training", team)


def write_environment(folder: Path, team: Team) -> None:
    """Write `.env`; variables in it that are not ours stay. Raises ``ComposeError``."""
    file = folder / ".env"
    text = dotenv.render(values_of(team), read_others(file))
    try:
        scratch = file.with_name(".env.part")
        scratch.write_text(text, "utf-8")
        scratch.replace(file)
    except OSError as error:
        raise ComposeError(f"can't write {file}: {error.strerror}") from error


def own(path: Path, team: Team) -> None:
    """Hand a folder, and what is in it, to whom the containers run as; only root can, and only root must."""
    if os.geteuid() != 0:
        return
    for each in (path, *path.rglob("*")):
        os.chown(each, team.uid, team.gid, follow_symlinks=False)


def own_keys(team: Team) -> None:
    """Let whom the containers run as read the keys' file; the folder too, unless somebody keeps more in it."""
    if os.geteuid() != 0:
        return
    ours = {team.keys_dir / KEYS, team.keys_dir / f"{KEYS}.lock"}
    for each in (*ours, *(() if set(team.keys_dir.iterdir()) - ours else (team.keys_dir,))):
        if each.exists():
            os.chown(each, team.uid, team.gid, follow_symlinks=False)


def let_read(path: Path, team: Team) -> None:
    """Let whom the containers run as read a folder that root has made."""
    if os.geteuid() != 0 or team.uid == 0:
        return
    for each in _walk(path):
        if not each.is_symlink():
            each.chmod(each.stat().st_mode | (0o055 if each.is_dir() else 0o044))


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ComposeError(f"can't read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ComposeError(f"can't read {file}: {error}") from error


def _walk(path: Path) -> Iterator[Path]:
    yield path
    yield from path.rglob("*")


def _copy(source: Path, target: Path) -> None:
    """Write a file of ours; one that somebody has changed is kept beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    data = source.read_bytes()
    if target.exists():
        if target.read_bytes() == data:
            return
        target.replace(target.with_name(f"{target.name}.before"))
    scratch = target.with_name(f"{target.name}.part")
    scratch.write_bytes(data)
    scratch.chmod(0o644)
    scratch.replace(target)
