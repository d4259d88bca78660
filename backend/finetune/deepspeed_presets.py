"""DeepSpeed's configuration: presets, and what a file of the user's own must be."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .problems import FinetuneError

_BUCKET = 200_000_000
"""Numbers that are exchanged at once: twice that many bytes of each GPU's memory."""
_AUTO = "auto"
"""The Trainer puts in what it was told itself, so that nothing is said twice."""
_COMMON: Mapping[str, Any] = {
    "train_batch_size": _AUTO,
    "train_micro_batch_size_per_gpu": _AUTO,
    "gradient_accumulation_steps": _AUTO,
    "gradient_clipping": _AUTO,
    "bf16": {"enabled": _AUTO},
    "fp16": {"enabled": _AUTO},
    "steps_per_print": 2000,
    "wall_clock_breakdown": False,
}
_SHARED: Mapping[str, Any] = {"overlap_comm": True, "contiguous_gradients": True}
_STAGE_2: Mapping[str, Any] = {
    "stage": 2,
    "allgather_partitions": True,
    "allgather_bucket_size": _BUCKET,
    "reduce_scatter": True,
    "reduce_bucket_size": _BUCKET,
}
_STAGE_3: Mapping[str, Any] = {
    "stage": 3,
    "reduce_bucket_size": _AUTO,
    "stage3_prefetch_bucket_size": _AUTO,
    "stage3_param_persistence_threshold": _AUTO,
    "stage3_gather_16bit_weights_on_model_save": True,
}
PRESETS = ("zero2", "zero3")
_OURS = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps")
"""Numbers that also an option gives; in a file they must be ``auto``, or the two may differ."""
_HALVES = ("bf16", "fp16")
"""What the GPUs decide; without them in its configuration DeepSpeed would not follow."""
_STAGES = (1, 2, 3)


def configuration(asked: str, device: str) -> dict[str, Any] | None:
    """The configuration of ``--deepspeed``; None without. Raises ``FinetuneError`` about a file that is none."""
    if not asked:
        return None
    if asked in PRESETS:
        return _preset(asked, device)
    return _of_file(Path(asked).expanduser())


def _preset(name: str, device: str) -> dict[str, Any]:
    host = {"device": "cpu", "pin_memory": device == "cuda"}
    if name == "zero2":
        zero = {**_STAGE_2, **_SHARED, "offload_optimizer": host}
    else:
        zero = {**_STAGE_3, **_SHARED, "offload_optimizer": host, "offload_param": host}
    return {**_COMMON, "zero_optimization": zero}


def _of_file(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        presets = " or ".join(PRESETS)
        raise FinetuneError(
            f"--deepspeed: expected {presets}, or a file with DeepSpeed's configuration; {path}: "
            f"{error.strerror or error}."
        ) from error
    except ValueError as error:
        raise FinetuneError(f"--deepspeed: {path} is no JSON: {error}.") from error
    if not isinstance(found, dict) or not isinstance(found.get("zero_optimization", {}), dict):
        raise FinetuneError(
            f"--deepspeed: {path} is no configuration of DeepSpeed's: a JSON object is expected."
        )
    if fixed := [name for name in _OURS if found.get(name, _AUTO) != _AUTO]:
        raise FinetuneError(
            f'--deepspeed: {path} sets {", ".join(fixed)}. Write "auto" there, and give --batch-size and --accumulate.'
        )
    if "optimizer" in found or "scheduler" in found:
        raise FinetuneError(
            f"--deepspeed: {path} has an optimizer or scheduler of its own. Leave both out: --learning-rate, "
            "--schedule, --warmup and --weight-decay say it."
        )
    halves = {name: found.get(name, {}) for name in _HALVES}
    for name, half in halves.items():
        if not isinstance(half, dict) or half.get("enabled", _AUTO) != _AUTO:
            raise FinetuneError(
                f'--deepspeed: {path} decides about {name}. Write {{"enabled": "auto"}} there: the GPUs decide.'
            )
    zero = found.get("zero_optimization", {})
    if zero.get("stage", 0) not in _STAGES:
        raise FinetuneError(
            f"--deepspeed: {path}: zero_optimization needs a stage, 1, 2 or 3. Without one nothing is shared: leave "
            "--deepspeed out."
        )
    clipping = found.get("gradient_clipping", _AUTO)
    if clipping != _AUTO and (isinstance(clipping, bool) or not isinstance(clipping, int | float)):
        raise FinetuneError(f'--deepspeed: {path}: gradient_clipping is a number, or "auto".')
    if zero.get("stage") == _STAGE_3["stage"]:
        # Without it the shares of the weights are never put together again.
        zero["stage3_gather_16bit_weights_on_model_save"] = True
    enabled = {name: {"enabled": _AUTO, **half} for name, half in halves.items()}
    return {**dict.fromkeys(_OURS, _AUTO), "gradient_clipping": _AUTO, **found, **enabled}
