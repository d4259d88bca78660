"""The environment of a worker, out of the parent's. Pure."""

import os
from collections.abc import Mapping

from .job import Job

MEETING_HOST = "127.0.0.1"
"""Where the processes of a training meet: all are on one machine."""
_QUIET: Mapping[str, str] = {
    # Nothing leaves the machine, and nothing is looked up elsewhere.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_DISABLED": "true",
    # Nothing is imported from the folder that somebody happens to be in.
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MPLBACKEND": "Agg",
}
_DROPPED = (
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_SIZE"),
    *("CROSS_RANK", "CROSS_SIZE", "PYTHONSTARTUP"),
)
"""What a launcher around us may have set for itself; ours sets its own."""


def worker_environment(
    parents: Mapping[str, str], job: Job, *, programs: str, nccl_log: str
) -> dict[str, str]:
    """What a worker, or the launcher of several, finds in its environment.

    ``programs`` is the folder of Python's own programs: DeepSpeed looks for ``ninja`` on the path when it compiles.
    """
    kept = {name: value for name, value in parents.items() if name not in _DROPPED}
    own = {**kept, **_QUIET, "PATH": os.pathsep.join((programs, *filter(None, [kept.get("PATH")])))}
    # By default OpenMP's threads wait in a busy loop; beside anything else on the processors that takes five times as
    # long.
    own.setdefault("OMP_WAIT_POLICY", "passive")
    if job.device == "cpu":
        # The logits of a step take tens of megabytes. By default glibc gives them back to the system after each step
        # and asks for them again: the page faults of that take a quarter of all time.
        own.setdefault("MALLOC_MMAP_MAX_", "0")
        own.setdefault("MALLOC_TRIM_THRESHOLD_", str(1 << 40))
    if job.threads:
        own["OMP_NUM_THREADS"] = str(job.threads)
    if job.device == "cuda" and job.devices:
        own["CUDA_VISIBLE_DEVICES"] = job.devices
    if job.device == "cuda":
        own.setdefault("NCCL_DEBUG", "WARN")
        own.setdefault("NCCL_DEBUG_FILE", nccl_log)
    return own


def rank_environment(own: Mapping[str, str], rank: int, world: int, port: int) -> dict[str, str]:
    """The environment of one of several workers, as torch's own launcher would set it."""
    return {
        **own,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": MEETING_HOST,
        "MASTER_PORT": str(port),
    }


def deepspeed_environment(own: Mapping[str, str], job: Job) -> dict[str, str]:
    """The environment of DeepSpeed's launcher, which sets the ranks, and which GPUs are seen, itself."""
    # It refuses fp16 on a P40 and its like, which compute in fp32 what they keep in fp16, unless it is told to go on.
    return {"DS_ALLOW_DEPRECATED_FP16": "1", **own, "DS_ACCELERATOR": job.device}
