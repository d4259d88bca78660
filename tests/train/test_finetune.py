"""`pilotfish-backend finetune`, as a user types it: what comes out, what is refused, what Ctrl+C leaves."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from harness.finetuning import SHORT, Training, all_gone, command, losses, record, run, steps
from harness.tiny_codegen import write_codegen
from pilotfish.backend.converter.source import open_checkpoint
from pilotfish.backend.finetune.tokens import Blocks, pack_file

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def tuned(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tuned model, converted too, in one go; it is only looked at."""
    work = tmp_path_factory.mktemp("tuned")
    done = run(command(base, data, work / "out", *SHORT, "--ship", str(work / "repository")))
    assert done.status == 0, done.said
    assert "computes what the tuned model computes" in done.said
    assert "pilotfish-backend serve --model" in done.said
    return work / "out"


def test_the_course_is_written_down(tuned: Path) -> None:
    """The loss falls, and by step and evaluation it is in training.json; loss.png is a picture."""
    found = record(tuned)
    assert [step["step"] for step in found["steps"]] == list(range(1, 9))
    assert losses(tuned)[-1] < losses(tuned)[0] - 0.5
    first, last = found["validation"][0], found["validation"][-1]
    assert (first["step"], last["step"]) == (0, 8)
    assert last["perplexity"] < first["perplexity"]
    assert found["tokens_per_second"] > 0
    assert found["result"]["peak_bytes"] > 50e6
    assert (tuned / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_the_perplexity_is_transformers_own(base: Path, data: Path, tuned: Path, tmp_path: Path) -> None:
    """Before and after, it is what transformers' model gives the validation files' tokens, each counted once."""
    packed = pack_file(data / "validation.jsonl", base / "tokenizer.json", tmp_path / "blocks", block_size=64)
    for folder, evaluation in (
        (base, record(tuned)["validation"][0]),
        (tuned, record(tuned)["validation"][-1]),
    ):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        total = count = 0.0
        blocks = Blocks(packed)
        for item in (blocks[number] for number in range(len(blocks))):
            with torch.no_grad():
                logits = model(item["input_ids"][None]).logits[0, :-1]
            targets = item["labels"][1:]
            total += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
            count += int((targets != -100).sum())
        assert evaluation["loss"] == pytest.approx(total / count, abs=1e-4)
        assert evaluation["perplexity"] == pytest.approx(torch.e ** (total / count), rel=1e-3)


def test_the_embedding_keeps_its_rows(tuned: Path) -> None:
    """Base and tuned model have 51200 rows, beyond the tokenizer's 50295 entries, in tensors and configuration."""
    with open_checkpoint(tuned) as checkpoint:
        assert checkpoint.config["vocab_size"] == 51200
        assert checkpoint.tensors["transformer.wte.weight"].shape[0] == 51200
        assert checkpoint.tensors["lm_head.weight"].shape[0] == 51200
        assert checkpoint.tensors["lm_head.bias"].shape == (51200,)


def test_the_rest_of_the_base_is_as_it_was(base: Path, tuned: Path) -> None:
    """Tokenizer and configuration are the base's, byte for byte and setting for setting; nothing else is left."""
    for name in ("tokenizer.json", "vocab.json", "merges.txt"):
        assert (tuned / name).read_bytes() == (base / name).read_bytes()
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (base, tuned))
    assert before == after
    assert not (tuned / "checkpoints").exists()
    assert [path.name for path in tuned.parent.iterdir() if path.name.startswith(".")] == []


def test_a_tuned_model_is_not_overwritten(base: Path, data: Path, tuned: Path) -> None:
    """Without --force a finished model is refused, and so is a folder with something else; both stay as they are."""
    before = (tuned / "model.safetensors").read_bytes()
    done = run(command(base, data, tuned, *SHORT))
    assert (done.status, "--force" in done.said) == (1, True)
    done = run(command(tuned, data, tuned, *SHORT, "--force"))
    assert (done.status, "holds the base or the data" in done.said) == (1, True)
    assert (tuned / "model.safetensors").read_bytes() == before
    done = run(command(base, data, data, *SHORT))
    assert done.status == 1
    assert "train.jsonl" in done.said
    assert sorted(path.name for path in data.iterdir()) == ["train.jsonl", "validation.jsonl"]


def test_a_place_that_can_not_be_shipped_to_is_said_first(base: Path, data: Path, tmp_path: Path) -> None:
    """A folder with something else in it is refused before anything is trained, by the option that named it."""
    done = run(command(base, data, tmp_path / "out", *SHORT, "--ship", str(data)))
    assert done.status == 1
    assert "Choose another --ship" in done.said
    assert "--out" not in done.said
    assert list(tmp_path.iterdir()) == []


def test_a_training_of_one_step_learns(base: Path, data: Path, tmp_path: Path) -> None:
    """As of a small data set with a large --accumulate: the warm-up, of which the first step is 0, does not have it."""
    done = run(command(base, data, tmp_path / "out", *SHORT, "--max-steps", "1"))
    assert done.status == 0, done.said
    found = record(tmp_path / "out")
    assert [step["learning_rate"] for step in found["steps"]] == [1e-3]
    assert found["validation"][1]["loss"] < found["validation"][0]["loss"]


def test_force_keeps_the_old_model_until_the_new_one_is_whole(base: Path, data: Path, tuned: Path) -> None:
    """While a forced run trains, and after Ctrl+C ended it, the model that it would replace is there."""
    before = (tuned / "model.safetensors").read_bytes()
    with Training(command(base, data, tuned, *SHORT, "--max-steps", "500", "--force")) as training:
        training.until(lambda events: len(steps(events)) >= 2)
        family = training.family()
        training.interrupt()
        done = training.wait()
    assert done.status == 130, done.said
    assert "no checkpoint" in done.said
    assert all_gone(family)
    assert (tuned / "model.safetensors").read_bytes() == before
    assert record(tuned)["result"]["steps"] == 8


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--block-size", "4096"], "--block-size: 4096 is more than the 2048 tokens"),
        (["--block-size", "8"], "--block-size: 8 is less than 16"),
        (["--deepspeed", "zero7"], "expected zero2 or zero3, or a file"),
        (["--gpus", "0,1"], "names GPUs"),
        (["--gpus", "none"], "neither a number of GPUs nor a list"),
        (["--epochs", "0"], "no training"),
        (["--learning-rate", "0"], "no training"),
        (["--quantization", "int8"], "--quantization: this says how the tuned model is converted"),
        (["--ship", "repository", "--convert-gpus", "2"], "--convert-gpus: CTranslate2 runs a model on one"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_can_not_be_done_is_said_before_anything_is(
    base: Path, data: Path, tmp_path: Path, more: Sequence[str], said: str
) -> None:
    """A wrong option is named, the status is 1, and no folder is made."""
    done = run(command(base, data, tmp_path / "out", *more))
    assert done.status == 1
    assert said in done.said
    assert "Traceback" not in done.said
    assert list(tmp_path.iterdir()) == []


def test_bad_data_is_named(base: Path, data: Path, tmp_path: Path) -> None:
    """No data set, an empty one, a line that is no row: each says which file, and what to do."""
    bad = tmp_path / "bad"
    bad.mkdir()
    done = run(command(base, bad, tmp_path / "out"))
    assert (done.status, "dataset build" in done.said) == (1, True)
    (bad / "train.jsonl").write_text("")
    assert "is empty" in run(command(base, bad, tmp_path / "out")).said
    rows = (data / "train.jsonl").read_text("utf-8").splitlines()
    (bad / "train.jsonl").write_text("\n".join([*rows[:2], '{"code": "x"}']) + "\n")
    done = run(command(base, bad, tmp_path / "out"))
    assert done.status == 1
    assert "train.jsonl, line 3" in done.said
    assert not (tmp_path / "out").exists()


def test_a_base_whose_tokenizer_has_more_entries_than_it_rows_is_refused(data: Path, tmp_path: Path) -> None:
    """Such an embedding would have to grow: it is refused, with both numbers."""
    small = write_codegen(tmp_path / "small", rows=50257, layers=1)
    (small / "tokenizer.json").write_bytes(
        write_codegen(tmp_path / "whole", layers=1).joinpath("tokenizer.json").read_bytes()
    )
    done = run(command(small, data, tmp_path / "out", *SHORT))
    assert done.status == 1
    assert "50294" in done.said
    assert "50257" in done.said
