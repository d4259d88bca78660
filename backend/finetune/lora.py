"""Low-rank adapters: a few numbers are trained beside the weights, and added to them in the end."""

from collections.abc import Mapping, Sequence
from typing import Any

TARGETS: Mapping[str, Sequence[str]] = {
    "codegen": ("qkv_proj", "out_proj", "fc_in", "fc_out"),
    "gptj": ("q_proj", "k_proj", "v_proj", "out_proj", "fc_in", "fc_out"),
}
"""Of each family, the layers that get an adapter: all that multiply inside a block."""
_ALPHA = 2
"""An adapter counts for so many times alpha/rank; twice is what most recipes take."""


def with_adapter(model: Any, rank: int) -> Any:
    """The model with an adapter, and nothing else of it to be trained."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=_ALPHA * rank,
        lora_dropout=0.0,
        target_modules=list(TARGETS[model.config.model_type]),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)
