"""How much memory a training takes, roughly, so that what can't fit is said before an hour of loading. Pure."""

from dataclasses import dataclass
from typing import Any

from pilotfish.backend.models.progress import readable

from .job import Job

_WEIGHT, _GRADIENT, _ADAM = 4, 4, 8
"""Bytes a parameter, all in fp32: Adam keeps two numbers."""
_HALF = 2
"""In 16 bits: weights that are only read. Under DeepSpeed also those that learn, with their gradients; the fp32 ones
lie with the optimizer."""
_LOGITS = 3
"""Copies of the logits in fp32 at the height of a step: themselves, for the loss, and their gradient."""
_KEPT, _KEPT_HALF = 104, 56
"""Bytes that a layer of transformers' CodeGen keeps for each token and unit of its width, and those in 16 bits, as
measured."""
_SCORE, _SCORE_HALF = 4, 6
"""Bytes that it keeps for each pair of tokens and attention head: in fp32, and in 16 bits once more."""
_PASSING = 12
"""Bytes a pair and head beside those, in the one layer that is computed."""


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes."""

    state: int = 0
    """Of one device: weights, gradients and the optimizer's numbers. Certain."""
    activations: int = 0
    """Of one device: for a step. Rough."""
    host: int = 0
    """Of the machine: what is offloaded."""


def need(job: Job, parameters: int, *, layers: int, hidden: int, heads: int) -> Need:
    """What a job takes on a model of as many parameters, layers, units of width and attention heads."""
    tokens = job.batch_size * job.block_size
    whole = job.precision == "fp32"
    unit, score = (_KEPT, _SCORE) if whole else (_KEPT_HALF, _SCORE_HALF)
    layer = hidden * unit + heads * job.block_size * score
    passing = heads * job.block_size * _PASSING + layers * hidden * (_WEIGHT if whole else _HALF)
    activations = tokens * ((1 if job.gradient_checkpointing else layers) * layer + passing)
    activations += tokens * job.rows * 4 * _LOGITS
    state, host = _state(job, parameters)
    return Need(state, activations, host)


def disk(job: Job, parameters: int) -> int:
    """Bytes on the disk at the most: two checkpoints and a third that is being written, and the tuned model."""
    model = parameters * _WEIGHT
    one = parameters // 10 * _ADAM if job.lora_rank else parameters * (_WEIGHT + _ADAM)
    if job.deepspeed is not None and not job.lora_rank:
        one += parameters * _WEIGHT  # it keeps the weights once more, beside the optimizer's
    return 3 * one + model


def _state(job: Job, parameters: int) -> tuple[int, int]:
    weight = _WEIGHT if job.loaded_in == "fp32" else _HALF
    learnt = 0 if job.lora_rank else parameters  # what an adapter has is hardly any
    if job.deepspeed is None:
        # Where torch exchanges gradients, it has them once more.
        buckets = _GRADIENT if job.world > 1 else 0
        return parameters * weight + learnt * (_GRADIENT + _ADAM + buckets), 0
    zero: dict[str, Any] = dict(job.deepspeed.get("zero_optimization", {}))
    stage = int(zero.get("stage", 0))
    weights = parameters * weight // (job.world if stage >= 3 else 1)
    gradients = learnt * weight // (job.world if stage >= 2 else 1)
    optimizer = learnt * (_WEIGHT + _ADAM) // (job.world if stage >= 1 else 1)
    host = 0
    if _offloads(zero, "offload_optimizer"):
        host += learnt * _GRADIENT + optimizer * job.world  # the gradients become fp32 on their way there
        optimizer = gradients = 0
    if _offloads(zero, "offload_param"):
        host += weights * job.world
        weights = 0
    return weights + gradients + optimizer, host


def _offloads(zero: dict[str, Any], what: str) -> bool:
    said = zero.get(what)
    return isinstance(said, dict) and said.get("device") == "cpu"


def readable_need(found: Need) -> str:
    """For people."""
    host = f", and {readable(found.host)} of the host for what is offloaded" if found.host else ""
    device = f"{readable(found.state)} for weights and optimizer and about {readable(found.activations)} for a step"
    return f"{device}{host}"
