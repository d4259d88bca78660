"""The tuned weights, out of the processes that trained them into a folder."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .job import Job
from .work_folder import WorkFolder

if TYPE_CHECKING:
    import torch

_SHARD = "5GB"


def write_model(trainer: Any, job: Job, folder: WorkFolder, fresh: Callable[[], Any]) -> None:
    """Write what a Trainer has trained; every process calls this, and the first one writes.

    ``fresh`` makes the model as it was before the training: in the type of the tuned weights, or, with an adapter,
    which is written by itself and merged into the weights, in fp32.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    first = trainer.args.process_index == 0
    state = None
    if job.deepspeed is not None or job.lora_rank:
        # What it computes with may be shares of the processes, and in 16 bits; what it trains is fp32.
        whole = _as_it_is if job.deepspeed is None else _whole_of
        state = _trained(model, whole, "float32" if job.lora_rank else job.dtype, keep=first)
    _leave_the_group()
    if first:
        if state is not None:
            model = _with(_plain(fresh), state)
        _write(model, job, folder)


def _leave_the_group() -> None:
    """Let the processes go their own ways: what they do together is done, and writing takes the first one minutes.

    One that ends while the group is still open may abort, which would look like a failure that ends the first one too.
    """
    from torch import distributed

    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def _write(model: Any, job: Job, folder: WorkFolder) -> None:
    import torch

    if job.lora_rank:
        model.save_pretrained(folder.adapter)
        model = model.merge_and_unload()
    model.to(getattr(torch, job.dtype)).save_pretrained(folder.model, max_shard_size=_SHARD)


def _trained(model: Any, whole: Callable[[Any], Any], dtype: str, *, keep: bool) -> "dict[str, torch.Tensor]":
    """The trained weights, on the CPU; empty unless they are to be kept. Every process must ask alike."""
    import torch

    state = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            found = whole(parameter)
            if keep:
                state[name] = found.detach().to("cpu", getattr(torch, dtype), copy=True)
    return state


def _as_it_is(parameter: Any) -> Any:
    """A weight that every process has whole, and in fp32."""
    return parameter


def _whole_of(parameter: Any) -> Any:
    """A weight that DeepSpeed may have divided among the processes."""
    from deepspeed.utils import safe_get_full_fp32_param

    return safe_get_full_fp32_param(parameter)


def _with(model: Any, state: "dict[str, torch.Tensor]") -> Any:
    """A model with the trained weights in the place of its own."""
    unknown = model.load_state_dict(state, strict=False).unexpected_keys
    if unknown:
        raise RuntimeError(f"trained, but not of the model: {', '.join(unknown)}")
    return model


def _plain(fresh: Callable[[], Any]) -> Any:
    """A model that is not loaded in DeepSpeed's shares, though this process may have its configuration."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()
    return fresh()
