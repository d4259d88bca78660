"""What a Trainer is told, what it is given to train, and how its loss is measured; nothing is trained here."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.tiny_codegen import write_codegen
from pilotfish.backend.converter.source import open_checkpoint
from pilotfish.backend.finetune.evaluation import validation_loss
from pilotfish.backend.finetune.job import Job
from pilotfish.backend.finetune.tokens import Packed, write_packed
from pilotfish.backend.finetune.training import _arguments, load, model_of
from pilotfish.backend.finetune.work_folder import WorkFolder
from pilotfish.backend.finetune.writing import _with, write_model

pytestmark = [
    # What peft asks transformers by its old name.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    # The new names are not in all versions that we take; the old ones are.
    pytest.mark.filterwarnings("ignore:`gradient_checkpointing:FutureWarning"),
]
JOB = Job(
    epochs=2.5,
    learning_rate=3e-4,
    schedule="constant",
    warmup=7,
    weight_decay=0.25,
    batch_size=3,
    accumulate=5,
    seed=11,
    save_steps=13,
    gradient_checkpointing=True,
)


def told(folder: Path, job: Job = JOB, *, validation: bool = True) -> Any:
    """The Trainer's settings."""
    work = WorkFolder(folder)
    write_packed(work.packed, train=Packed(), **({"validation": Packed()} if validation else {}))
    return _arguments(job, work)


def test_each_setting_reaches_the_trainer(tmp_path: Path) -> None:
    """By the Trainer's own names."""
    found = told(tmp_path)
    assert (found.num_train_epochs, found.max_steps, found.save_steps) == (2.5, -1, 13)
    assert (found.learning_rate, found.weight_decay) == (3e-4, 0.25)
    assert (found.lr_scheduler_type, found.warmup_steps) == ("constant_with_warmup", 7)
    assert (found.per_device_train_batch_size, found.gradient_accumulation_steps) == (3, 5)
    assert (found.seed, found.data_seed) == (11, 11)
    assert found.gradient_checkpointing
    assert found.use_cpu
    assert not found.logging_nan_inf_filter  # it would hide that a training has diverged
    assert told(tmp_path, replace(JOB, max_steps=4)).max_steps == 4
    assert told(tmp_path, replace(JOB, schedule="cosine")).lr_scheduler_type == "cosine"


def test_the_disk_is_not_filled_with_checkpoints(tmp_path: Path) -> None:
    """Two are kept: while one is written, the one before is whole."""
    assert told(tmp_path).save_total_limit == 2


def test_what_is_measured_and_when(tmp_path: Path) -> None:
    """Before the training and after each epoch; not again where one goes on, and not without validation files."""
    assert (told(tmp_path).eval_strategy, told(tmp_path).eval_on_start) == ("epoch", True)
    assert not told(tmp_path, replace(JOB, resume="/checkpoint")).eval_on_start
    none = told(tmp_path, validation=False)
    assert (none.eval_strategy, none.eval_on_start) == ("no", False)


def test_the_rows_are_those_of_the_tensors(tmp_path: Path) -> None:
    """Whatever a configuration says; embedding and head are two, also where it says that they are one."""
    base = write_codegen(tmp_path / "base", layers=1)
    config = json.loads((base / "config.json").read_text())
    config |= {"vocab_size": 50257, "tie_word_embeddings": True}
    (base / "config.json").write_text(json.dumps(config))
    model = load(Job(base=str(base), rows=51200))
    assert model.transformer.wte.weight.shape[0] == model.lm_head.weight.shape[0] == 51200
    assert not torch.equal(model.transformer.wte.weight, model.lm_head.weight)


@pytest.mark.parametrize("family", ["codegen", "gptj"])
def test_all_that_multiplies_in_a_block_gets_an_adapter(tmp_path: Path, family: Any) -> None:
    """Attention and the layers behind it; embedding and head do not, and nothing is dropped out."""
    base = write_codegen(tmp_path / "base", layers=1, family=family)
    job = Job(base=str(base), rows=51200, lora_rank=4)
    wanted = {
        name
        for name, module in load(job).named_modules()
        if isinstance(module, torch.nn.Linear) and ".h." in name
    }
    model = model_of(job)
    found = {name.removeprefix("base_model.model.") for name, _ in model.named_modules()}
    adapted = {name.removesuffix(".lora_A.default") for name in found if name.endswith(".lora_A.default")}
    assert len(wanted) >= 4
    assert adapted == wanted
    assert model.peft_config["default"].lora_dropout == 0


def test_the_tuned_weights_have_the_bases_type(tmp_path: Path) -> None:
    """They are trained in fp32, and written as they came."""
    base = write_codegen(tmp_path / "base", layers=1, dtype="float16")
    job = Job(base=str(base), rows=51200, dtype="float16")
    model = model_of(job)
    assert model.lm_head.weight.dtype == torch.float32
    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(unwrap_model=lambda found: found),
        args=SimpleNamespace(process_index=0),
    )
    folder = WorkFolder(tmp_path / "work")
    folder.path.mkdir()
    write_model(trainer, job, folder, lambda: model_of(job))
    with open_checkpoint(folder.model) as checkpoint:
        assert {each.dtype for each in checkpoint.tensors.values()} == {"float16"}


def test_a_trained_weight_that_the_model_does_not_have_is_not_lost_in_silence() -> None:
    """It has another name than in the model that is written: that model would be the untrained one."""
    with pytest.raises(RuntimeError, match="trained, but not of the model: other"):
        _with(torch.nn.Linear(1, 1), {"other": torch.zeros(1)})


class Guesses(torch.nn.Module):  # type: ignore[misc]
    """Has a logit for each of eight tokens, and drops half of its numbers out while it trains."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.dropout = torch.nn.Embedding(8, 8), torch.nn.Dropout(0.5)

    def forward(self, input_ids: Any) -> Any:
        return SimpleNamespace(logits=self.dropout(self.embedding(input_ids)))


def test_the_validation_loss_is_a_mean_over_tokens() -> None:
    """Blocks with few tokens to learn count little; without dropout, after which the training goes on with it."""
    model, padded = Guesses(), 5
    ids = torch.arange(4 * 6).reshape(4, 6) % 8
    labels = ids.clone()
    labels[0, 1:padded] = -100
    labels[3] = -100

    def batches() -> Iterator[dict[str, Any]]:
        for start in (0, 2):
            yield {"input_ids": ids[start : start + 2], "labels": labels[start : start + 2]}

    steps: list[int] = []
    trainer: Any = SimpleNamespace(
        model_wrapped=model.train(),
        accelerator=SimpleNamespace(gather_for_metrics=lambda found: found),
        callback_handler=SimpleNamespace(on_prediction_step=lambda *_: steps.append(1)),
        get_eval_dataloader=lambda: list(batches()),
        compute_loss_context_manager=nullcontext,
        _prepare_inputs=lambda batch: batch,
        args=None,
        state=None,
        control=None,
    )
    found = validation_loss(trainer)
    assert model.training
    assert len(steps) == 2
    with torch.no_grad():
        logits = model.eval()(ids).logits[:, :-1].reshape(-1, 8)
    assert found == pytest.approx(float(torch.nn.functional.cross_entropy(logits, labels[:, 1:].reshape(-1))))
