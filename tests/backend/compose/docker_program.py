"""A stand-in for the program `docker`: it writes down what it is told, and answers as a script says.

    python docker_program.py FOLDER ARGUMENT…

FOLDER has `script.json`, with the fields of ``Script``, and gets `calls.jsonl`: argv, and the names of variables.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Script:
    """How the program behaves; the defaults are those of a Docker that works."""

    compose: str | None = "2.26.1"
    """Version of the plugin; None: there is none."""
    images: list[str] = field(default_factory=list)
    """What `compose config --images` says."""
    services: list[str] = field(default_factory=list)
    containers: list[dict[str, object]] = field(default_factory=list)
    """What `compose ps` says."""
    here: list[str] = field(default_factory=list)
    """Images that are on this host."""
    failing: list[str] = field(default_factory=list)
    """Commands that fail, such as `compose up`."""
    status: int = 17
    """With which they fail; 130 is what Compose ends with after Ctrl+C."""
    tool: list[str] = field(default_factory=list)
    """What runs in place of `compose run … tools`."""


def main() -> int:
    """Run."""
    folder, argv = Path(sys.argv[1]), sys.argv[2:]
    script = Script(**json.loads((folder / "script.json").read_text()))
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"argv": argv, "environ": dict(os.environ)}) + "\n")
    words = [word for word in argv if not word.startswith("-") and not word.startswith("/")]
    if any(name in " ".join(words) for name in script.failing):
        print("no such thing: the last line says why", file=sys.stderr)
        return script.status
    if words[:1] == ["compose"]:
        return _compose(script, argv, words)
    if argv[:2] == ["image", "inspect"]:
        return 0 if argv[-1] in script.here else 1
    if argv[:1] == ["save"]:
        Path(argv[argv.index("--output") + 1]).write_bytes(b"layers of " + " ".join(argv[3:]).encode())
    if argv[:1] == ["load"]:
        return 0 if Path(argv[argv.index("--input") + 1]).is_file() else 1
    return 0


def _compose(script: Script, argv: list[str], words: list[str]) -> int:
    if "--images" in argv:
        print("\n".join(script.images))
    elif "--services" in argv:
        print("\n".join(script.services))
    elif "ps" in words:
        print("\n".join(json.dumps(row) for row in script.containers))
    elif "run" in words:
        return _tool(script, argv)
    return 0


def _tool(script: Script, argv: list[str]) -> int:
    """Do on the host what the container would, the mounted folders in the places of their mount points."""
    mounts = [argv[at + 1].split(":") for at, word in enumerate(argv) if word == "--volume"]
    command = argv[argv.index("tools", argv.index("run")) + 1 :]
    for source, target, *_ in mounts:
        command = [
            source + word.removeprefix(target) if word.startswith(target) else word for word in command
        ]
    return subprocess.run([*script.tool, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
