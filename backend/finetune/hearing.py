"""What a Trainer does, told to the parent, and whole checkpoints sealed."""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .events import Event, Teller
from .job import Job
from .resume import seal
from .work_folder import WorkFolder

if TYPE_CHECKING:
    from transformers import TrainerCallback


class Diverged(Exception):
    """The weights have grown beyond all bounds; going on is of no use."""


class Hearing:
    """Tells what it hears, in the first process; is silent in the others."""

    def __init__(self, job: Job, folder: WorkFolder, *, first: bool) -> None:
        self._job = job
        self._folder = folder
        self._teller = Teller(folder.events) if first else None
        self._began = 0.0
        self._evaluating = False

    def begins(self, step: int, steps: int) -> None:
        """The training begins after as many steps of all."""
        self._tell(Event("stage", stage="training", total=steps))
        self._tell(Event("advance", step=step, total=step))

    def step_begins(self) -> None:
        """A step of the optimizer begins."""
        self._began = time.monotonic()

    def logged(self, step: int, logs: Mapping[str, Any]) -> None:
        """A step, or an evaluation, is done. Raises ``Diverged`` if its loss is no number any more."""
        if not math.isfinite(logs.get("loss", 0.0)):
            raise Diverged(f"the loss of step {step} is {logs['loss']}")
        if "loss" in logs:
            gradient = float(logs.get("grad_norm") or 0.0)
            self._tell(
                Event(
                    "step",
                    step=step,
                    loss=logs["loss"],
                    rate=logs.get("learning_rate", 0.0),
                    gradient=gradient if math.isfinite(gradient) else 0.0,
                    tokens=self._job.step_blocks * self._job.block_size,
                    seconds=time.monotonic() - self._began,
                )
            )
        if "eval_loss" in logs:
            self._evaluating = False
            self._tell(Event("evaluated", step=step, loss=logs["eval_loss"]))

    def predicted(self, batches: int) -> None:
        """One of so many validation batches is done."""
        if not self._evaluating:
            self._evaluating = True
            self._tell(Event("stage", stage="evaluating", total=batches))
        self._tell(Event("advance", total=1))

    def saved(self, step: int) -> None:
        """Every process has written its part of a checkpoint."""
        if self._teller is not None:
            seal(self._folder.path, step)
            self._tell(Event("saved", step=step))

    def _tell(self, event: Event) -> None:
        if self._teller is not None:
            self._teller.tell(event)


def callback(job: Job, folder: WorkFolder) -> "TrainerCallback":
    """What a Trainer calls, in each process; the arguments are its own: settings, state, control."""
    from accelerate.state import PartialState
    from transformers import TrainerCallback

    hearing = Hearing(job, folder, first=PartialState().is_main_process)

    class Callback(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *about: Any, **_: Any) -> None:
            hearing.begins(about[1].global_step, about[1].max_steps)

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            hearing.step_begins()

        def on_log(self, *about: Any, logs: Mapping[str, Any], **_: Any) -> None:
            hearing.logged(about[1].global_step, logs)

        def on_prediction_step(self, *_: Any, eval_dataloader: Any, **__: Any) -> None:
            hearing.predicted(len(eval_dataloader))

        def on_save(self, *about: Any, **_: Any) -> None:
            PartialState().wait_for_everyone()
            hearing.saved(about[1].global_step)

    return Callback()
