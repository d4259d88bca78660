"""What a person asks of a training. Pure."""

from dataclasses import dataclass
from pathlib import Path

TUNING_RATE = 2e-5
LORA_RATE = 2e-4


@dataclass(frozen=True, slots=True)
class FinetuneOptions:
    """A training as it was asked for."""

    base: str = ""
    """A checkpoint's folder, or its name on the hub."""
    data: Path = Path()
    out: Path = Path()
    cache: Path = Path()
    """Where a base of the hub is kept."""
    block_size: int = 2048
    epochs: float = 1.0
    max_steps: int = 0
    """0: as many as the epochs take."""
    learning_rate: float | None = None
    """None: 2e-5, or 2e-4 with an adapter."""
    schedule: str = "cosine"
    warmup: float = 0.03
    weight_decay: float = 0.0
    batch_size: int = 1
    accumulate: int = 1
    seed: int = 0
    save_steps: int = 500
    keep_checkpoints: bool = False
    lora_rank: int = 0
    """0: no adapter."""
    deepspeed: str = ""
    """``zero2``, ``zero3``, a file, or empty."""
    gpus: str = ""
    """How many, or their numbers with commas; empty: all of one machine with GPUs, one process without."""
    gradient_checkpointing: bool | None = None
    """None: on GPUs."""
    resume: bool = False
    force: bool = False

    @property
    def rate(self) -> float:
        """The learning rate."""
        default = LORA_RATE if self.lora_rank else TUNING_RATE
        return default if self.learning_rate is None else self.learning_rate
