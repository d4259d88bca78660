"""Repositories that FauxPilot's converter wrote have no manifest: they are held to their own config.pbtxt."""

import re
from pathlib import Path

import pytest

from harness.ft_files import write_ft_files
from harness.tiny_codegen import TinyShape, tiny_tensors, write_codegen
from pilotfish.backend.converter.check import check_sizes
from pilotfish.backend.converter.verify import verify

CONFIG = """
name: "fastertransformer"
backend: "fastertransformer"
max_batch_size: 1024
input [ {{ name: "input_ids" data_type: TYPE_UINT32 dims: [ -1 ] }} ]
parameters {{ key: "tensor_para_size" value: {{ string_value: "{gpus}" }} }}
parameters {{ key: "pipeline_para_size" value: {{ string_value: "1" }} }}
parameters {{ key: "model_type" value: {{ string_value: "GPT-J" }} }}
parameters {{ key: "is_half" value: {{ string_value: "1" }} }}
parameters {{ key: "max_seq_len" value: {{ string_value: "2048" }} }}
parameters {{ key: "head_num" value: {{ string_value: "4" }} }}
parameters {{ key: "size_per_head" value: {{ string_value: "16" }} }}
parameters {{ key: "inter_size" value: {{ string_value: "256" }} }}
parameters {{ key: "decoder_layers" value: {{ string_value: "2" }} }}
parameters {{ key: "rotary_embedding" value: {{ string_value: "8" }} }}
parameters {{ key: "vocab_size" value: {{ string_value: "{rows}" }} }}
parameters {{ key: "start_id" value: {{ string_value: "50256" }} }}
parameters {{ key: "end_id" value: {{ string_value: "50256" }} }}
parameters {{
  key: "model_checkpoint_path"
  value: {{ string_value: "/model/fastertransformer/1/{gpus}-gpu" }}
}}
"""


def foreign(folder: Path, *, rows: int, configured: int, gpus: int = 1) -> Path:
    """A repository of ``rows`` whose configuration says ``configured``."""
    model = folder / "repository" / "fastertransformer"
    write_ft_files(model / "1" / f"{gpus}-gpu", tiny_tensors(TinyShape(rows=rows), family="gptj"), gpus)
    (model / "1" / f"{gpus}-gpu" / "config.ini").write_text("[gpt]\nvocab_size = 51200\n")
    (model / "config.pbtxt").write_text(CONFIG.format(rows=configured, gpus=gpus))
    return folder / "repository"


@pytest.mark.parametrize(("rows", "configured"), [(50295, 50295), (51200, 51200), (51200, 50295)])
def test_one_that_holds_all_that_it_says_is_let_be(rows: int, configured: int, tmp_path: Path) -> None:
    """Files with more rows than the configuration names are right as well: the first ones are read."""
    repository = foreign(tmp_path, rows=rows, configured=configured)
    said: list[str] = []
    assert check_sizes(repository) == []
    assert verify(repository, say=said.append) == []
    assert "no hashes" in said[0]


@pytest.mark.parametrize("configured", [51200, 50296])
def test_a_configuration_with_more_rows_than_the_files_is_refused(configured: int, tmp_path: Path) -> None:
    """The fine-tuned checkpoint with 50,295 rows that was served as one with more: three files are named."""
    repository = foreign(tmp_path, rows=50295, configured=configured, gpus=2)
    problems = check_sizes(repository)
    names = ["model.wte.bin", "model.lm_head.weight.bin", "model.lm_head.bias.bin"]
    assert [Path(problem.where).name for problem in problems] == names
    assert all("too few" in problem.what for problem in problems)
    assert verify(repository) == problems


def test_a_rank_that_is_missing_is_named(tmp_path: Path) -> None:
    """A folder called 2-gpu with the first rank's files only."""
    repository = foreign(tmp_path, rows=50295, configured=50295, gpus=2)
    for path in (repository / "fastertransformer" / "1" / "2-gpu").glob("*.1.bin"):
        path.unlink()
    problems = check_sizes(repository)
    assert len(problems) == 2 * 5
    assert all(problem.where.endswith(".1.bin") and "is missing" in problem.what for problem in problems)


def test_one_computes_what_its_checkpoint_does(tmp_path: Path) -> None:
    """The comparison of logits works without a manifest too, and sees another model's weights."""
    repository = foreign(tmp_path, rows=50295, configured=50295, gpus=2)
    said: list[str] = []
    assert verify(repository, write_codegen(tmp_path / "own", rows=50295), say=said.append) == []
    assert len(said) == 3
    (first, *_) = verify(repository, write_codegen(tmp_path / "other", rows=50295, seed=1))
    assert first.where == "logits"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("vocab_size", "no number for vocab_size"),
        ("name: ", "line"),
        ("tensor_para_size", "no number for tensor_para_size"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(change: str, reason: str, tmp_path: Path) -> None:
    """Whatever can't be read is a problem, and never an exception."""
    repository = foreign(tmp_path, rows=50295, configured=50295)
    config = repository / "fastertransformer" / "config.pbtxt"
    config.write_text(config.read_text().replace(change, "= " if change.endswith(" ") else "other"))
    (problem,) = check_sizes(repository)
    assert reason in problem.what


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("tensor_para_size", "0", "gpus is 0"),
        ("tensor_para_size", "4096", "gpus is 4096"),
        ("decoder_layers", "1000000000", "layers is 1000000000"),
        ("inter_size", "9" * 5000, "no number for inter_size"),
        ("max_seq_len", "endless", "no number for max_seq_len"),
    ],
)
def test_sizes_that_no_model_has_are_refused(key: str, value: str, reason: str, tmp_path: Path) -> None:
    """At once: nothing is divided by zero, and nobody counts to a billion."""
    repository = foreign(tmp_path, rows=64, configured=64)
    config = repository / "fastertransformer" / "config.pbtxt"
    changed = re.sub(f'("{key}" value: {{ string_value: )"[0-9]+"', rf'\1"{value}"', config.read_text())
    config.write_text(changed)
    (problem,) = check_sizes(repository)
    assert reason in problem.what


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    """Neither a folder of something else nor one that is not there may be served."""
    assert "no model repository" in check_sizes(tmp_path)[0].what
    assert "no folder" in check_sizes(tmp_path / "absent")[0].what
