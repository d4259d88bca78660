"""A host as the commands see it: a PATH with stand-ins for docker and nvidia-smi, and a folder for a team."""

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from backend.compose.docker_program import Script
from harness.programs import script as console_script
from pilotfish.backend.arguments import build_parser
from pilotfish.backend.compose.commands import run

PROGRAM = Path(__file__).with_name("docker_program.py")
GPU = "0, NVIDIA RTX A6000, 49140, 8.6"
"""A line of nvidia-smi's."""


@dataclass
class Host:
    """One; its programs see nothing but its own PATH and what a test adds."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def team(self) -> Path:
        """Where the commands make a team backend."""
        return self.root / "team"

    def install_docker(self, script: Script | None = None) -> None:
        """Put `docker` on the PATH, or let it behave otherwise."""
        folder = self.root / "docker"
        folder.mkdir(exist_ok=True)
        script = script or Script()
        script.tool = [console_script("pilotfish-backend")]
        (folder / "script.json").write_text(json.dumps(asdict(script)))
        # What is asked before everything else is answered without starting Python.
        version = "exit 1" if script.compose is None else f"echo {script.compose}; exit"
        asked = f'[ "$*" = "compose version --short" ] && {{ {version}; }}'
        self._program("docker", f'{asked}\nexec "{sys.executable}" -S -E "{PROGRAM}" "{folder}" "$@"\n')

    def install_gpus(self, *lines: str) -> None:
        """Put `nvidia-smi` on the PATH, which shows these GPUs."""
        self._program("nvidia-smi", "".join(f"echo '{line}'\n" for line in lines))

    def run(self, action: str, *arguments: str | Path) -> int:
        """Run an action of `pilotfish-backend compose` on the team's folder."""
        options = build_parser().parse_args(
            ["compose", action, "--dir", str(self.team), *(str(argument) for argument in arguments)]
        )
        options.environment = {"PATH": str(self.root / "bin"), **self.variables}
        return run(options)

    def calls(self) -> list[list[str]]:
        """The arguments of each call of docker, but for the question for Compose's version."""
        return [call["argv"] for call in self.records()]

    def compose_calls(self) -> list[list[str]]:
        """What `docker compose` was asked for, without the files' names, which are checked."""
        found = []
        for argv in self.calls():
            if argv[0] != "compose":
                continue
            head = ["compose", "--project-directory", str(self.team), "--env-file", str(self.team / ".env")]
            head += ["--file", str(self.team / "compose.yaml")]
            assert argv[: len(head)] == head
            found.append(argv[len(head) :])
        return found

    def records(self) -> list[dict[str, Any]]:
        """All that docker was told."""
        file = self.root / "docker" / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def _program(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
