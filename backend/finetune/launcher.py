"""The command lines of workers: one by itself, several by us, several by DeepSpeed's launcher."""

import os
from collections.abc import Mapping, Sequence

from .environment import deepspeed_environment, rank_environment
from .job import Job

_WORKER = "pilotfish.backend.finetune.worker"
_LAUNCHER = "deepspeed.launcher.runner"
Command = tuple[Sequence[str], Mapping[str, str]]


def commands(job: Job, file: str, python: str, environment: Mapping[str, str], port: int) -> list[Command]:
    """What is to be started, each with its environment.

    ``file`` holds the job; ``port``, a free one of the loopback interface, is where several workers meet.
    """
    if job.deepspeed is not None:
        return [_by_deepspeed(job, file, python, environment, port)]
    alone = [python, "-P", "-m", _WORKER, file]
    if job.world == 1:
        return [(alone, environment)]
    return [
        ([*alone, f"--local_rank={rank}"], rank_environment(environment, rank, job.world, port))
        for rank in range(job.world)
    ]


def _by_deepspeed(job: Job, file: str, python: str, environment: Mapping[str, str], port: int) -> Command:
    """DeepSpeed's launcher for this machine alone.

    It would take hosts to reach by ssh from /job/hostfile, and then variables from ``.deepspeed_env`` in the working
    directory and at home; named nothing that is a file, it stays here and reads neither.
    """
    slots = job.devices if job.device == "cuda" and job.devices else ",".join(map(str, range(job.world)))
    launch = [
        *(python, "-P", "-m", _LAUNCHER),
        *("--hostfile", os.devnull),
        *("--include", f"localhost:{slots}"),
        *("--master_port", str(port)),
        *("--log_level", "warning"),
        *("--module", _WORKER, file),
    ]
    return launch, deepspeed_environment(environment, job)
