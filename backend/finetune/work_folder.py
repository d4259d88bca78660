"""What lies where while a training runs."""

from dataclasses import dataclass
from pathlib import Path

CHECKPOINTS = "checkpoints"
"""In the output's folder; it goes when the training is done."""


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """A training's own folder, with all that it needs to go on and to tell what went wrong."""

    path: Path = Path()

    @property
    def job(self) -> Path:
        """The settings."""
        return self.path / "job.json"

    @property
    def packed(self) -> Path:
        """What was packed into which blocks."""
        return self.path / "blocks.json"

    def blocks(self, part: str) -> Path:
        """The blocks themselves; ``part`` is ``train`` or ``validation``."""
        return self.path / f"{part}.blocks"

    @property
    def events(self) -> Path:
        """What the first worker tells, a JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        """What all workers, and the libraries in them, have written."""
        return self.path / "workers.log"

    def failure(self, rank: int) -> Path:
        """What a worker failed of."""
        return self.path / f"failure-{rank}.json"

    @property
    def nccl_log(self) -> str:
        """Where NCCL writes warnings, each process to its own file: ``%h`` and ``%p`` are the library's own."""
        return str(self.path / "nccl-%h-%p.log")

    @property
    def model(self) -> Path:
        """The tuned model, before it takes its place."""
        return self.path / "model"

    @property
    def adapter(self) -> Path:
        """The adapter of a LoRA."""
        return self.path / "adapter"

    @property
    def result(self) -> Path:
        """Written last by the first worker: the training is done, and what it took."""
        return self.path / "result.json"
