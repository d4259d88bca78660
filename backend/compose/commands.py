"""``pilotfish-backend compose``: a team backend in containers, from its making to its move to another host."""

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pilotfish.backend.models.progress import shown_on

from .access import NewKey
from .docker import Docker
from .errors import ComposeError
from .folder import find_folder, read_team
from .team import Team

_WAIT_SECONDS = 1800
_AFTER_STOP: Mapping[str, str] = {
    "init": " What is served is as it was. The same command goes on: what was downloaded is kept.",
    "bundle": " No file was written.",
}
"""What Ctrl+C leaves behind, where that is a question."""


def run(arguments: argparse.Namespace) -> int:
    """Run an action; its exit status. ``arguments.environment`` is the process's own."""
    from pilotfish.backend.converter.problems import ConvertError
    from pilotfish.backend.models.errors import ModelError

    docker = Docker(find_folder(arguments.dir, Path.cwd()), arguments.environment)
    try:
        return _ACTIONS[arguments.action](arguments, docker)
    except (ComposeError, ConvertError, ModelError) as error:
        _say(f"pilotfish-backend: {error}")
        return 1
    except KeyboardInterrupt:
        _say(f"pilotfish-backend: stopped.{_AFTER_STOP.get(arguments.action, '')}")
        return 130


def _init(arguments: argparse.Namespace, docker: Docker) -> int:
    from .answers import Wanted
    from .init import Init
    from .questions import Dialogue

    wanted = Wanted(
        model=arguments.model,
        backend=arguments.backend,
        gpus=arguments.gpus,
        gpu_ids=arguments.gpu_ids,
        address=arguments.address,
        port=arguments.port,
        triton=arguments.triton,
        models=arguments.models,
        checkpoints=arguments.checkpoints,
        keys=arguments.keys,
        quantization=arguments.quantization,
        monitoring=arguments.monitoring,
        grafana_port=arguments.grafana_port,
    )
    asks = sys.stdin.isatty() and not arguments.yes
    dialogue = Dialogue(sys.stdin, sys.stderr) if asks else None
    made = Init(
        folder=docker.folder,
        wanted=wanted,
        environment=docker.environment,
        say=_say,
        progress=lambda: shown_on(sys.stderr),
        dialogue=dialogue,
        env_file=arguments.env,
        key_name=arguments.key_name,
        quick=arguments.quick,
        anew=arguments.anew,
    ).run()
    _say(f"{made.team.model} is ready to be served; everything is in {docker.folder}.")
    _show_key(made.key)
    if dialogue is not None and dialogue.agree("Start it now?", default=True):
        return _start(docker, made.team, build=False, seconds=_WAIT_SECONDS)
    _say(f"Start it with: pilotfish-backend compose up {_named(docker)}".rstrip())
    return 0


def _up(arguments: argparse.Namespace, docker: Docker) -> int:
    return _start(docker, read_team(docker.folder), build=arguments.build, seconds=arguments.wait)


def _start(docker: Docker, team: Team, *, build: bool, seconds: int) -> int:
    from .running import up

    return up(docker, team, build=build, seconds=seconds)


def _down(_: argparse.Namespace, docker: Docker) -> int:
    from .running import down

    return down(docker)


def _status(_: argparse.Namespace, docker: Docker) -> int:
    from .running import status

    return status(docker, read_team(docker.folder))


def _logs(arguments: argparse.Namespace, docker: Docker) -> int:
    from .running import logs

    return logs(docker, arguments.services, follow=arguments.follow, tail=arguments.tail)


def _bundle(arguments: argparse.Namespace, docker: Docker) -> int:
    from .bundle import write_bundle

    with shown_on(sys.stderr) as progress:
        progress.begin(f"Writing {arguments.out.name}", None)
        out = write_bundle(docker, read_team(docker.folder), arguments.out, progress.advance)
    _say(
        f"{out} holds images, model and settings, and no key. There: pilotfish-backend compose load {out.name}"
    )
    return 0


def _load(arguments: argparse.Namespace, docker: Docker) -> int:
    from .load import load_bundle

    with shown_on(sys.stderr) as progress:
        progress.begin(f"Unpacking {arguments.file.name}", None)
        loaded = load_bundle(
            arguments.file,
            docker,
            keys=arguments.keys,
            key_name=arguments.key_name,
            advance=progress.advance,
        )
    _say(f"{loaded.team.model} is ready to be served; everything is in {docker.folder}.")
    _show_key(loaded.key)
    _say(f"Start it with: pilotfish-backend compose up {_named(docker)}".rstrip())
    return 0


_ACTIONS: Mapping[str, Callable[[argparse.Namespace, Docker], int]] = {
    "init": _init,
    "up": _up,
    "down": _down,
    "status": _status,
    "logs": _logs,
    "bundle": _bundle,
    "load": _load,
}


def _show_key(key: NewKey | None) -> None:
    """The one time that a key is shown: on standard output, so that a script can keep it."""
    if key is None:
        return
    _say(f"The API key {key.name!r} for your team; it is shown this once, only its hash is kept:")
    sys.stdout.write(f"{key.key}\n")
    sys.stdout.flush()


def _named(docker: Docker) -> str:
    """The option by which the next command finds the folder, if it needs one."""
    found = find_folder(None, Path.cwd())
    return "" if found == docker.folder else f"--dir {shlex.quote(str(docker.folder))}"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
