"""Why a training failed, and what to change."""

from collections.abc import Sequence

from .failure import read_failure
from .job import Job
from .work_folder import WorkFolder


def explain(job: Job, folder: WorkFolder, statuses: Sequence[int]) -> str:
    """What a person is told."""
    for rank in range(job.world):
        if failure := read_failure(folder.failure(rank)):
            return f"the training failed: {failure.message}"
    return f"the training failed ({statuses}); see {folder.log}"
