"""The tuned weights, out of the processes that trained them into a folder."""

from typing import TYPE_CHECKING, Any

from .job import Job
from .work_folder import WorkFolder

if TYPE_CHECKING:
    import torch

_SHARD = "5GB"


def write_model(trainer: Any, job: Job, folder: WorkFolder, fresh: Any) -> None:
    """Write what a Trainer has trained; every process calls this, and the first one writes.

    ``fresh`` makes the model as it was before the training, adapter included. An adapter is written by itself and
    merged into the weights.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    first = trainer.args.process_index == 0
    if job.deepspeed is not None:
        # What it computes with may be shares of the processes, and in 16 bits; what it trains is fp32.
        state = _trained(model, keep=first)
        if first:
            model = _plain(fresh)
            model.load_state_dict(state, strict=False)
    if first:
        _write(model, job, folder)


def _write(model: Any, job: Job, folder: WorkFolder) -> None:
    import torch

    if job.lora_rank:
        model.save_pretrained(folder.adapter)
        model = model.merge_and_unload()
    model.to(getattr(torch, job.dtype)).save_pretrained(folder.model, max_shard_size=_SHARD)


def _trained(model: Any, *, keep: bool) -> "dict[str, torch.Tensor]":
    """The trained weights in fp32, on the CPU; empty unless they are to be kept. Every process must ask alike."""
    from deepspeed.utils import safe_get_full_fp32_param

    state = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            whole = safe_get_full_fp32_param(parameter)
            if keep:
                state[name] = whole.detach().float().cpu().clone()
    return state


def _plain(fresh: Any) -> Any:
    """A model that is not loaded in DeepSpeed's shares, though this process has its configuration."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()
    return fresh()
