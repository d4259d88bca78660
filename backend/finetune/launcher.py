"""The command lines of workers: one by itself, several by us, several by DeepSpeed's launcher."""

import base64
import json
from collections.abc import Mapping, Sequence

from .environment import MEETING_HOST, deepspeed_environment, rank_environment
from .job import Job

_WORKER = "pilotfish.backend.finetune.worker"
_LAUNCHER = "deepspeed.launcher.launch"
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
        (
            [*alone, f"--port={port}", f"--local_rank={rank}"],
            rank_environment(environment, rank, job.world, port),
        )
        for rank in range(job.world)
    ]


def _by_deepspeed(job: Job, file: str, python: str, environment: Mapping[str, str], port: int) -> Command:
    """DeepSpeed's launcher of the processes of one machine.

    Not the one that comes before it for people: that would take hosts to reach by ssh from /job/hostfile, variables
    from ``.deepspeed_env`` in the working directory and at home, and GPUs by their numbers only, where
    CUDA_VISIBLE_DEVICES may have their UUIDs. What it hands on is the GPUs of each host.
    """
    devices: Sequence[str | int] = job.devices.split(",") if job.devices else range(job.world)
    world = base64.urlsafe_b64encode(json.dumps({"localhost": list(devices)}).encode()).decode()
    launch = [
        *(python, "-P", "-m", _LAUNCHER),
        *("--world_info", world),
        *("--master_addr", MEETING_HOST),
        *("--master_port", str(port)),
        *("--log_level", "warning"),
        *("--module", _WORKER, file, f"--port={port}"),
    ]
    return launch, deepspeed_environment(environment, job)
