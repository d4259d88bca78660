"""What this host has: GPUs, free ports, room on its disks."""

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MIB = 1 << 20
_SECONDS = 20.0
_QUERY = "index,name,memory.total,compute_cap"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One, as nvidia-smi tells of it."""

    index: int
    name: str
    memory: int
    """In bytes."""
    capability: float = 0.0
    """CUDA's compute capability; 0: not told."""


def find_gpus(environment: Mapping[str, str]) -> list[Gpu]:
    """The NVIDIA GPUs of this host; none where there is no driver. ``environment`` has the PATH."""
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [gpu for line in done.stdout.splitlines() if (gpu := _gpu(line))] if done.returncode == 0 else []


def _gpu(line: str) -> Gpu | None:
    try:
        index, name, memory, capability = (part.strip() for part in line.split(","))
        return Gpu(
            int(index), name, int(memory) * _MIB, float(capability) if capability[:1].isdigit() else 0.0
        )
    except ValueError:
        return None


def port_is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return True  # one of the low ports, which Docker's own service may take
        except OSError:
            return False
    return True


def can_write(folder: Path) -> bool:
    """Whether a folder, or the nearest one above it that is there, can be written to."""
    try:
        above = next(each for each in (folder, *folder.parents) if each.exists())
    except PermissionError:
        return False
    return above.is_dir() and os.access(above, os.W_OK | os.X_OK)


def free_bytes(path: Path) -> int:
    """Free room where a file of that path would lie."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free
