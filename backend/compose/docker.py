"""Docker's command line: found, checked, and run with argument lists that never hold a secret."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ComposeError
from .team import OPTIONAL, OWNED

_OLDEST = (2, 20, 2)
"""The first Compose in which a service may depend on one that another profile leaves out."""
_CHECK_SECONDS = 30.0
_STEERING = ("COMPOSE_FILE", "COMPOSE_ENV_FILES", "COMPOSE_PATH_SEPARATOR")


@dataclass(frozen=True, slots=True)
class Docker:
    """Docker and its Compose, for the team backend in one folder."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    """Of this process; what .env says is taken out, so that .env is what counts."""

    @property
    def program(self) -> str:
        """Path of ``docker``. Raises ``ComposeError``."""
        return _found("docker", self.environment)

    def trouble(self) -> str | None:
        """What is wrong with Docker on this host, as far as its programs can tell; None: nothing."""
        try:
            self._compose_program()
        except ComposeError as error:
            return f"{str(error)[0].upper()}{str(error)[1:]}"
        return None

    def compose(self, *arguments: str) -> int:
        """Run ``docker compose`` in the open; its exit status. Raises ``ComposeError`` if there is none."""
        return self._run([*self._compose_prefix(), *arguments])

    def compose_output(self, *arguments: str) -> str:
        """What ``docker compose`` prints. Raises ``ComposeError`` with its own words if it fails."""
        return self._output([*self._compose_prefix(), *arguments])

    def docker(self, *arguments: str) -> int:
        """Run ``docker`` in the open; its exit status."""
        return self._run([self.program, *arguments])

    def has_image(self, name: str) -> bool:
        """Whether an image is on this host."""
        return self._try([self.program, "image", "inspect", "--format", "{{.Id}}", name]) is not None

    def _compose_prefix(self) -> list[str]:
        files = (self.folder / "compose.yaml", self.folder / ".env")
        for file in files:
            if not file.is_file():
                raise ComposeError(
                    f"there is no {file}. Make it with 'pilotfish-backend compose init', or name the folder: --dir DIR"
                )
        override = self.folder / "compose.override.yaml"
        return [
            *self._compose_program(),
            *("--project-directory", str(self.folder), "--env-file", str(files[1]), "--file", str(files[0])),
            *(("--file", str(override)) if override.is_file() else ()),
        ]

    def _compose_program(self) -> list[str]:
        candidates = [
            [path, *rest]
            for name, rest in (("docker", ["compose"]), ("docker-compose", []))
            if (path := shutil.which(name, path=self.environment.get("PATH")))
        ]
        said = []
        for candidate in candidates:
            if (text := self._try([*candidate, "version", "--short"])) is None:
                continue
            if compose_version(text) >= _OLDEST:
                return candidate
            said.append(text.strip())
        oldest = ".".join(map(str, _OLDEST))
        if said:
            raise ComposeError(f"Docker Compose {said[0]} is too old; {oldest} or newer is needed.")
        _found("docker", self.environment)
        raise ComposeError(
            f"Docker has no Compose here. Install its plugin 'docker compose', {oldest} or newer "
            "(packages docker-compose-plugin, docker-compose-v2, or docker-compose of Debian 13)."
        )

    def _child_environment(self) -> dict[str, str]:
        ours = {*OWNED, *OPTIONAL, *_STEERING}
        return {name: value for name, value in self.environment.items() if name not in ours}

    def _run(self, argv: Sequence[str]) -> int:
        sys.stdout.flush()
        process = subprocess.Popen(argv, env=self._child_environment())
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal has told the child too, which now ends what it does; a second time ends the child.
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    process.kill()

    def _captured(
        self, argv: Sequence[str], *, seconds: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            env=self._child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def _output(self, argv: Sequence[str]) -> str:
        done = self._captured(argv)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise ComposeError(f"docker: {reason[-1] if reason else f'exit status {done.returncode}'}")
        return done.stdout

    def _try(self, argv: Sequence[str]) -> str | None:
        """What a short command prints; None if it fails."""
        try:
            done = self._captured(argv, seconds=_CHECK_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


def compose_version(text: str) -> tuple[int, ...]:
    """The numbers of a version such as ``v2.26.1-4``; empty if there are none."""
    match = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _found(name: str, environment: Mapping[str, str]) -> str:
    path = shutil.which(name, path=environment.get("PATH"))
    if path is None:
        raise ComposeError(
            f"there is no program '{name}' here. Install Docker Engine and its Compose plugin first."
        )
    return path
