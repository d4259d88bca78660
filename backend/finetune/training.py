"""The training itself, in each worker: transformers' Trainer around the base and the packed blocks."""

import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .environment import MEETING_HOST
from .evaluation import validation_loss
from .events import Event, Teller
from .hearing import callback
from .job import Job
from .tokens import Blocks, read_packed
from .work_folder import WorkFolder
from .writing import write_model

if TYPE_CHECKING:
    from transformers import TrainingArguments

_SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what shm_open opens on Linux
_CLIPPED_TO = 1.0
"""The gradient's norm, unless a configuration of DeepSpeed's says another."""
_KEPT = 2
"""Checkpoints: while one is written, the one before is still whole."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a training took."""

    steps: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0
    """Of memory: of the first GPU, or of the first process."""
    device: str = ""
    """Its name."""


def train(job: Job, folder: WorkFolder, port: int = 0) -> None:
    """Train, and leave the tuned model and the result in the work folder. Every process of the job runs this.

    If there are several, they meet at a port.
    """
    from transformers import set_seed
    from transformers.utils import logging

    logging.disable_progress_bar()
    began = time.monotonic()
    arguments = _arguments(job, folder)  # first: under ZeRO-3 it decides how a model is loaded
    set_seed(job.seed)
    first = arguments.process_index == 0
    if job.deepspeed is not None and job.device == "cpu":
        _join_deepspeed(port, arguments.process_index)
    if first:
        _tell(folder, Event("stage", stage="loading"))
    packed = read_packed(folder.packed)
    model = model_of(job)
    validation = Blocks(packed["validation"]) if "validation" in packed else None
    trainer = _trainer_class()(
        model=model,
        args=arguments,
        train_dataset=Blocks(packed["train"]),
        eval_dataset=validation,
        callbacks=[callback(job, folder)],
    )
    trainer.remove_callback(_printer())
    trainer.train(resume_from_checkpoint=job.resume or None)
    if first:
        _tell(folder, Event("stage", stage="writing"))
    write_model(trainer, job, folder, lambda: model_of(replace(job, precision=_written_from(job))))
    if first:
        result = Result(trainer.state.global_step, time.monotonic() - began, *_memory(job))
        folder.result.write_text(json.dumps(asdict(result), indent=2), "utf-8")


def _join_deepspeed(port: int, rank: int) -> None:
    """Let DeepSpeed know of the process group that accelerate has made, before it loads a part of a model.

    Each of its processes makes 66 MiB of shared memory, which all of them open and none ever removes
    (``shm_initialize`` in its ``csrc/cpu/comm/shm.cpp``): every training would cost the host that much until its next
    start. Once all have opened it, its name can go; the memory then goes with the processes, however they end.
    """
    import deepspeed
    import torch

    deepspeed.init_distributed(dist_backend="gloo")
    torch.distributed.barrier()
    name = f"deepspeed_allreduce_buffer_{os.getuid()}_{MEETING_HOST}_{port}_{rank}"
    (_SHARED_MEMORY / name).unlink(missing_ok=True)


def _trainer_class() -> Any:
    from transformers import Trainer

    class Tuner(Trainer):  # type: ignore[misc]
        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            """Measure the validation loss our way; the rest as a Trainer does."""
            metrics = {"eval_loss": validation_loss(self)}
            self.log(metrics)
            handler = self.callback_handler
            self.control: Any = handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            """As a Trainer does, but leave a step to a long warm-up: its first is of rate 0 and learns nothing."""
            if self.args.get_warmup_steps(num_training_steps) >= num_training_steps:
                self.args.warmup_steps = num_training_steps - 1
            return super().create_scheduler(num_training_steps, optimizer)

    return Tuner


def model_of(job: Job) -> Any:
    """What is trained: the base, with an adapter if that is all that learns."""
    model = load(job)
    if not job.lora_rank:
        return model
    from .lora import with_adapter

    return with_adapter(model, job.lora_rank)


def _written_from(job: Job) -> str:
    """What a model is loaded in that takes the trained weights: fp32 to add an adapter, else as it is written."""
    return "fp32" if job.lora_rank else next(name for name, dtype in _DTYPES.items() if dtype == job.dtype)


def load(job: Job) -> Any:
    """The base, in what the job says that it is loaded in."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(job.base, trust_remote_code=False, local_files_only=True)
    # As many rows as the tensors have, whatever the configuration or the tokenizer say: never fewer, never more.
    config.vocab_size = job.rows
    config.tie_word_embeddings = False
    config.use_cache = False
    return AutoModelForCausalLM.from_pretrained(
        job.base,
        config=config,
        dtype=getattr(torch, _DTYPES[job.loaded_in]),
        trust_remote_code=False,
        local_files_only=True,
    )


def _arguments(job: Job, folder: WorkFolder) -> "TrainingArguments":
    from transformers import TrainingArguments

    packed = read_packed(folder.packed)
    on_cpu = job.device == "cpu"
    return TrainingArguments(
        output_dir=str(folder.path),
        num_train_epochs=job.epochs,
        max_steps=job.max_steps or -1,
        learning_rate=job.learning_rate,
        lr_scheduler_type=_SCHEDULES[job.schedule],
        warmup_steps=job.warmup,
        weight_decay=job.weight_decay,
        max_grad_norm=_clipping(job),
        # The fused one takes a seventh of the time on a CPU too; DeepSpeed brings its own way for the host's memory.
        optim="adamw_torch" if on_cpu and job.deepspeed else "adamw_torch_fused",
        per_device_train_batch_size=job.batch_size,
        per_device_eval_batch_size=job.batch_size,
        gradient_accumulation_steps=job.accumulate,
        gradient_checkpointing=job.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        bf16=job.precision == "bf16",
        fp16=job.precision == "fp16",
        use_cpu=on_cpu,
        ddp_backend="gloo" if on_cpu and job.world > 1 else None,
        ddp_find_unused_parameters=False,
        deepspeed=dict(job.deepspeed) if job.deepspeed else None,
        dataloader_pin_memory=not on_cpu,
        prediction_loss_only=True,
        eval_strategy="epoch" if "validation" in packed else "no",
        eval_on_start="validation" in packed and not job.resume,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=job.save_steps,
        save_total_limit=_KEPT,
        report_to="none",
        push_to_hub=False,
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=job.seed,
        data_seed=job.seed,
    )


def _clipping(job: Job) -> float:
    """What the gradient's norm is cut to; a Trainer refuses to be told another than DeepSpeed."""
    said = (job.deepspeed or {}).get("gradient_clipping", "auto")
    return _CLIPPED_TO if said == "auto" else float(said)


def _printer() -> Any:
    """What a Trainer prints by itself, so that it does not: events say it."""
    from transformers import PrinterCallback

    return PrinterCallback


def _memory(job: Job) -> tuple[int, str]:
    import platform
    import resource

    import torch

    if job.device == "cuda":
        return torch.cuda.max_memory_allocated(), torch.cuda.get_device_name()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, platform.machine()


def _tell(folder: WorkFolder, event: Event) -> None:
    teller = Teller(folder.events)
    teller.tell(event)
    teller.close()
