"""`compose load`: a bundle becomes a team backend on this host."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .access import NewKey, first_key, metrics_key
from .bundle import IMAGES, SUMS, unpack_bundle
from .docker import Docker
from .errors import ComposeError
from .folder import METRICS_KEY, let_read, make_private, read_team, write_environment
from .team import MONITORING, Team

_ROOT_RUNS_AS = 10001


@dataclass(frozen=True, slots=True)
class Loaded:
    """What ``load`` ended with."""

    team: Team
    key: NewKey | None
    """The first API key; None if there were keys in the named folder."""


def load_bundle(
    file: Path,
    docker: Docker,
    *,
    keys: Path | None = None,
    key_name: str = "team",
    advance: Callable[[int], None] = lambda _: None,
) -> Loaded:
    """Unpack into ``docker.folder``, which must not be there, and hand the images to Docker. Raises ``ComposeError``.

    The folder appears when everything in it was checked. ``keys``: a folder with API keys that shall stay in use.
    """
    folder = docker.folder
    if folder.exists():
        raise ComposeError(
            f"{folder} is there already. Name another with --dir, or stop it and move it away; its keys stay in use "
            f"with: --keys MOVED{os.sep}keys"
        )
    work = folder.with_name(f".{folder.name}.loading")
    try:
        shutil.rmtree(work, ignore_errors=True)  # of a run that was killed
        work.mkdir(parents=True)
        unpack_bundle(file, work, advance)
        _check_paths(work)
        if docker.docker("load", "--input", str(work / IMAGES)):
            raise ComposeError("docker load failed; see above.")
        for done in (IMAGES, SUMS, "README.txt"):
            (work / done).unlink()
        work.replace(folder)
        return _settle(folder, keys, key_name)
    except OSError as error:
        raise ComposeError(f"{error.filename or folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_paths(folder: Path) -> None:
    """Raise ``ComposeError`` if `.env` leads out of the folder: root would open up whatever it names."""
    team = read_team(folder)
    for name, path in {"MODEL_DIR": team.model_dir, "KEYS_DIR": team.keys_dir}.items():
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ComposeError(f"this is no bundle of ours: its {name} is {path}. Nothing was changed.")


def _settle(folder: Path, keys: Path | None, key_name: str) -> Loaded:
    """Make the folder this host's own: its paths, its user, its keys."""
    root = os.geteuid() == 0
    team = read_team(folder)
    team = replace(
        team,
        keys_dir=(keys or team.keys_dir).expanduser().absolute(),
        uid=_ROOT_RUNS_AS if root else os.geteuid(),
        gid=_ROOT_RUNS_AS if root else os.getegid(),
    )
    write_environment(folder, team)
    make_private(folder, team)
    let_read(team.model_dir, team)
    key = first_key(team, key_name)
    if MONITORING in team.compose_profiles:
        metrics_key(team, folder / METRICS_KEY)
    return Loaded(team, key)
