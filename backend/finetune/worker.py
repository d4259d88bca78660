"""One process of a training: ``python -P -m pilotfish.backend.finetune.worker JOB --port P --local_rank N``.

A parent starts it (``workers.py``), with the ranks in the environment as torch's own launchers set them. Its standard
input is a pipe that nobody writes to: when it ends, the parent is gone, and so is the worker.
"""

import argparse
import os
import sys
import threading
from pathlib import Path

from .failure import recorded
from .job import read_job
from .work_folder import WorkFolder

_ORPHANED = 70


def main() -> int:
    """Train as the job says; the exit status 0: done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("job", type=Path)
    parser.add_argument("--port", type=int, default=0, help="where the processes meet, if there are several")
    parser.add_argument("--local_rank", type=int, default=0)
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    folder = WorkFolder(arguments.job.parent)
    with recorded(folder.failure(arguments.local_rank)):
        from .training import train

        train(read_job(arguments.job.read_text("utf-8")), folder, arguments.port)
    return 0


def _end_with_the_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(_ORPHANED)  # nothing is to be tidied up: what counts is on the disk already


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # All that counts is on the disk. What libraries do at Python's own end (threads, CUDA, DeepSpeed's destructors) can
    # only fail, and a worker that fails ends the others, of which the first may still be writing.
    os._exit(status)
