"""What a training is asked to do, as the parent writes it down for its workers. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

_FREE = frozenset(("base", "work", "save_steps", "keep_checkpoints", "threads", "resume", "devices"))
"""What may be another when a training goes on: places and habits, nothing that the numbers depend on."""
_WORDS: Mapping[str, str] = {
    "base_fingerprint": "BASE (its files)",
    "data_fingerprint": "--data (the files' content)",
    "deepspeed": "--deepspeed",
    "world": "--gpus (how many)",
    "lora_rank": "--lora, --lora-rank",
    "max_steps": "--max-steps",
    "device": "the device (CPU or GPU)",
}
"""How a person knows a setting whose name here is another."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training: everything that a worker needs to know."""

    base: str = ""
    """The checkpoint's folder."""
    base_fingerprint: str = ""
    """Tells this checkpoint from another; see ``base.py``."""
    work: str = ""
    """The folder of this training: blocks, checkpoints, events, and in the end the tuned model."""
    data_fingerprint: str = ""
    """Tells this data from other."""
    rows: int = 0
    """Of the embedding: as the tensors have them, before and after."""
    block_size: int = 2048
    """Tokens that are trained on at once."""
    epochs: float = 1.0
    max_steps: int = 0
    """0: as many as the epochs take."""
    learning_rate: float = 2e-5
    schedule: str = "cosine"
    """``cosine``, ``linear`` or ``constant``, after the warm-up."""
    warmup: float = 0.03
    """Part of the steps over which the learning rate grows from 0."""
    weight_decay: float = 0.0
    batch_size: int = 1
    """Blocks on one device at once."""
    accumulate: int = 1
    """Batches before a step."""
    seed: int = 0
    save_steps: int = 500
    keep_checkpoints: bool = False
    lora_rank: int = 0
    """0: all weights are trained."""
    deepspeed: Mapping[str, Any] | None = field(default=None)
    """Its configuration; None: without DeepSpeed."""
    world: int = 1
    """Processes."""
    device: str = "cpu"
    """``cpu`` or ``cuda``."""
    devices: str = ""
    """Numbers of the GPUs, with commas; empty: all that are visible."""
    precision: str = "fp32"
    """What is computed in: ``fp32``, ``bf16`` or ``fp16``; the weights that are trained stay fp32."""
    dtype: str = "float32"
    """Of the tuned weights in their file: as the base's."""
    gradient_checkpointing: bool = False
    """Compute activations again instead of keeping them: less memory, a third more time."""
    threads: int = 0
    """Of one process on the CPU; 0: torch's choice."""
    resume: str = ""
    """The checkpoint's folder that the training goes on from; empty: from the beginning."""

    @property
    def loaded_in(self) -> str:
        """What the base is loaded in, as ``precision`` is named.

        Weights that are trained are fp32: a step is smaller than 16 bits can add to a weight. Those of an adapter's
        base are only read, and DeepSpeed makes fp32 ones of its own out of 16 bits.
        """
        return self.precision if self.lora_rank or self.deepspeed is not None else "fp32"

    @property
    def step_blocks(self) -> int:
        """Blocks of one step of the optimizer, over all devices."""
        return self.batch_size * self.accumulate * self.world

    def text(self) -> str:
        """As JSON, for a file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def read_job(text: str) -> Job:
    """The job of a file. Raises ``ValueError`` if it is none."""
    found = json.loads(text)
    names = {each.name for each in fields(Job)}
    if not isinstance(found, dict) or set(found) != names:
        raise ValueError("not a training's settings")
    return Job(**found)


def differences(before: Job, now: Job) -> list[str]:
    """What is another than before, among all that the numbers depend on, each in a line for people."""
    found = []
    for each in fields(Job):
        old, new = getattr(before, each.name), getattr(now, each.name)
        if each.name in _FREE or old == new:
            continue
        named = _WORDS.get(each.name, f"--{each.name.replace('_', '-')}")
        plain = not each.name.endswith("_fingerprint") and each.name != "deepspeed"
        found.append(f"{named}: was {old}, is {new}" if plain else f"{named} is another")
    return found
