"""What would keep a team backend from running, found before anything is downloaded or started. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .machine import Gpu
from .memory import GIB, Shape, needed_bytes
from .team import OWN_TRITON, Team

_NEWEST_OF_FASTERTRANSFORMER = 8.6
"""Compute capability up to which FauxPilot's image was built."""
_OLDEST_OF_PYTHON = 7.5
"""What NVIDIA promises of the image that CTranslate2 runs in; CTranslate2 itself knows older ones."""
_OLDEST_OF_ALL = 6.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know."""

    text: str
    stops: bool = True
    """Whether it can't work like this."""


def check_gpus(team: Team, gpus: Sequence[Gpu], shape: Shape | None, kept: str) -> list[Finding]:
    """Number, kind and memory of the GPUs against what the model needs. ``kept``: the type of its weights."""
    if team.profile not in {"python", "fastertransformer"}:
        return []
    here = {gpu.index: gpu for gpu in gpus}
    if not here:
        return [Finding("nvidia-smi shows no GPU on this host. Without one: --backend cpu")]
    if missing := [str(number) for number in team.gpus if number not in here]:
        return [Finding(f"there is no GPU {', '.join(missing)}; this host has {', '.join(map(str, here))}.")]
    findings = _check_number(team, shape)
    needed = shape and needed_bytes(
        shape, kept, gpus=max(1, len(team.gpus)), beginnings=team.profile == "python"
    )
    for gpu in (here[number] for number in team.gpus):
        findings += _check_kind(team, gpu)
        if needed:
            findings += _check_memory(gpu, needed)
    return findings


def _check_number(team: Team, shape: Shape | None) -> list[Finding]:
    count = len(team.gpus)
    if team.profile == "python" and count != 1:
        return [
            Finding(
                f"CTranslate2 serves a model on one GPU, not on {count}. Name one (--gpu-ids 0), or for a model that "
                "no single one can hold: --backend fastertransformer"
            )
        ]
    if shape is not None and shape.heads % count:
        return [Finding(f"{shape.heads} attention heads can't be divided among {count} GPUs.")]
    return []


def _check_kind(team: Team, gpu: Gpu) -> list[Finding]:
    if gpu.capability and gpu.capability < _OLDEST_OF_ALL:
        return [
            Finding(f"GPU {gpu.index} ({gpu.name}) has compute capability {gpu.capability}; 6.0 is needed.")
        ]
    if team.profile == "python" and 0 < gpu.capability < _OLDEST_OF_PYTHON:
        return [
            Finding(
                f"GPU {gpu.index} ({gpu.name}) has compute capability {gpu.capability}, and NVIDIA's image is made for "
                "7.5 and newer. If it does not start: --backend fastertransformer",
                stops=False,
            )
        ]
    if team.profile == "fastertransformer" and gpu.capability > _NEWEST_OF_FASTERTRANSFORMER:
        return [
            Finding(
                f"GPU {gpu.index} ({gpu.name}) is newer than FauxPilot's image, which was built for compute "
                f"capabilities 6.0 to 8.6 and may not start on {gpu.capability}. --backend python knows it.",
                stops=False,
            )
        ]
    return []


def _check_memory(gpu: Gpu, needed: int) -> list[Finding]:
    if gpu.memory >= needed:
        return []
    return [
        Finding(
            f"GPU {gpu.index} ({gpu.name}) has {gpu.memory / GIB:.1f} GiB, but the model needs {needed / GIB:.1f} GiB "
            "there. Take a smaller model, more GPUs (--backend fastertransformer), or --quantization int8_float16."
        )
    ]


def check_ports(team: Team, *, port_free: bool, grafana_free: bool) -> list[Finding]:
    """Ports that somebody else has."""
    findings = []
    if not port_free:
        findings.append(Finding(f"port {team.port} of {team.address} is in use. Choose another: --port N"))
    if team.monitoring and not grafana_free:
        findings.append(
            Finding(f"port {team.grafana_port} is in use, but Grafana wants it: set GRAFANA_PORT in .env")
        )
    return findings


def check_folders(folders: Mapping[str, Path], can_write: Callable[[Path], bool]) -> list[Finding]:
    """Folders, by the option that names each, that nothing can be written to."""
    return [
        Finding(f"can't write to {folder}. Choose another: {option} DIR")
        for option, folder in folders.items()
        if not can_write(folder)
    ]


def check_access(team: Team, *, keys: int) -> list[Finding]:
    """Whether somebody could use it, and nobody else."""
    findings = []
    if not keys:
        findings.append(
            Finding(
                f"there is no API key in {team.keys_dir}, and without one nobody may use it. Make one: "
                f"pilotfish-backend keys add NAME --api-key-file {team.keys_dir / 'keys.json'}"
            )
        )
    if team.profile != "external" and team.triton_host != OWN_TRITON:
        findings.append(
            Finding(
                f"TRITON_HOST is {team.triton_host}; for the Triton of this compose file it is {OWN_TRITON}."
            )
        )
    return findings
