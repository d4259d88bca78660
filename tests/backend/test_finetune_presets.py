"""DeepSpeed's configuration, by a file or a preset: what is put in, what is kept, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotfish.backend.finetune.deepspeed_presets import configuration
from pilotfish.backend.finetune.problems import FinetuneError

ZERO = {"zero_optimization": {"stage": 2}}


def of_file(folder: Path, **said: Any) -> dict[str, Any]:
    """The configuration of a file that says so."""
    file = folder / "ds.json"
    file.write_text(json.dumps(ZERO | said))
    found = configuration(str(file), "cuda")
    assert found is not None
    return found


def test_zero3_offloads_both() -> None:
    """Weights and the optimizer's numbers."""
    found = configuration("zero3", "cuda")
    assert found is not None
    zero = found["zero_optimization"]
    assert zero["offload_param"] == zero["offload_optimizer"] == {"device": "cpu", "pin_memory": True}


def test_a_file_is_completed(tmp_path: Path) -> None:
    """By what the Trainer puts in; what the file says itself stays."""
    found = of_file(tmp_path)
    assert found["gradient_clipping"] == found["train_micro_batch_size_per_gpu"] == "auto"
    found = of_file(tmp_path, gradient_clipping=0.5, fp16={"initial_scale_power": 12})
    assert found["gradient_clipping"] == 0.5
    assert found["fp16"] == {"enabled": "auto", "initial_scale_power": 12}


def test_the_weights_of_stage_3_are_put_together(tmp_path: Path) -> None:
    """Also where a file does not ask for it: else no model could be written."""
    found = of_file(tmp_path, zero_optimization={"stage": 3})
    assert found["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] is True


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"train_micro_batch_size_per_gpu": 8}, "train_micro_batch_size_per_gpu"),
        ({"gradient_accumulation_steps": 8}, "gradient_accumulation_steps"),
        ({"scheduler": {"type": "WarmupLR"}}, "--schedule"),
        ({"zero_optimization": True}, "JSON object"),
    ],
)
def test_what_an_option_says_is_refused(tmp_path: Path, said: dict[str, Any], refused: str) -> None:
    """By its name."""
    with pytest.raises(FinetuneError, match=refused):
        of_file(tmp_path, **said)
