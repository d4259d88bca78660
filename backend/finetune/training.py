"""The training itself, in each worker: transformers' Trainer around the base and the packed blocks."""

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .events import Event, Teller
from .hearing import callback
from .job import Job
from .tokens import Blocks, read_packed
from .work_folder import WorkFolder

if TYPE_CHECKING:
    from transformers import TrainingArguments

_SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
_KEPT = 2
"""Checkpoints: while one is written, the one before is still whole."""
_SHARD = "5GB"


@dataclass(frozen=True, slots=True)
class Result:
    """What a training took."""

    steps: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0
    """Of memory: of the first GPU, or of the first process."""
    device: str = ""
    """Its name."""


def train(job: Job, folder: WorkFolder) -> None:
    """Train, and leave the tuned model and the result in the work folder. Every process of the job runs this."""
    from transformers import Trainer, set_seed
    from transformers.utils import logging

    logging.disable_progress_bar()
    began = time.monotonic()
    arguments = _arguments(job, folder)  # first: under ZeRO-3 it decides how a model is loaded
    set_seed(job.seed)
    first = arguments.process_index == 0
    if first:
        _tell(folder, Event("stage", stage="loading"))
    packed = read_packed(folder.packed)
    model = load(job)
    if job.lora_rank:
        from .lora import with_adapter

        model = with_adapter(model, job.lora_rank)
    validation = Blocks(packed["validation"]) if "validation" in packed else None
    trainer = Trainer(
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
    _write_model(trainer, job, folder)
    if first:
        result = Result(trainer.state.global_step, time.monotonic() - began, *_memory(job))
        folder.result.write_text(json.dumps(asdict(result), indent=2), "utf-8")


def load(job: Job) -> Any:
    """The base, in fp32: steps of a training are smaller than 16 bits can add to a weight."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(job.base, trust_remote_code=False, local_files_only=True)
    # As many rows as the tensors have, whatever the configuration or the tokenizer say: never fewer, never more.
    config.vocab_size = job.rows
    config.tie_word_embeddings = False
    config.use_cache = False
    return AutoModelForCausalLM.from_pretrained(
        job.base, config=config, dtype=torch.float32, trust_remote_code=False, local_files_only=True
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
        optim="adamw_torch" if on_cpu else "adamw_torch_fused",
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


def _printer() -> Any:
    """What a Trainer prints by itself, so that it does not: events say it."""
    from transformers import PrinterCallback

    return PrinterCallback


def _write_model(trainer: Any, job: Job, folder: WorkFolder) -> None:
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model)
    if trainer.args.process_index == 0:
        if job.lora_rank:
            model.save_pretrained(folder.adapter)
            model = model.merge_and_unload()
        model.to(getattr(torch, job.dtype)).save_pretrained(folder.model, max_shard_size=_SHARD)


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
