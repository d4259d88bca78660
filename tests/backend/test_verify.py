"""A repository that was damaged, mixed up or wrongly made is refused, and what is wrong with it is named."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.damage import (
    MODEL,
    RANKS,
    ROWS,
    WEIGHTS,
    Change,
    changed,
    cut,
    edit_manifest,
    flip,
    let_padding_win,
    remove,
    replace,
    swap_query_and_value,
)
from harness.tiny_codegen import write_codegen
from pilotfish.backend.converter.check import check_sizes
from pilotfish.backend.converter.convert import ConvertOptions, convert
from pilotfish.backend.converter.problems import ConvertError, Problem
from pilotfish.backend.converter.verify import verify
from pilotfish.backend.models.progress import Silent


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CodeGen with as many rows as CodeGen's tokenizer has entries."""
    return write_codegen(tmp_path_factory.mktemp("checkpoint") / "tiny", rows=ROWS)


Converted = Callable[..., Path]


@pytest.fixture(scope="module")
def converted(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Converts once for each set of options."""
    made: dict[Any, Path] = {}

    def function(target: str, **options: Any) -> Path:
        key = (target, *sorted(options.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp(target) / "repository"
            convert(ConvertOptions(checkpoint, made[key], target=target, **options))
        return made[key]

    return function


def named(problems: list[Problem]) -> list[str]:
    return [problem.where for problem in problems]


GOOD: Mapping[str, tuple[str, dict[str, Any]]] = {
    **{f"{gpus} GPUs": ("fastertransformer", {"gpus": gpus}) for gpus in (1, 2, 4)},
    "half": ("fastertransformer", {"gpus": 2, "dtype": "fp16"}),
    "CTranslate2": ("ctranslate2", {}),
    **{
        each: ("ctranslate2", {"quantization": each})
        for each in ("int8", "int8_float16", "bfloat16", "float16")
    },
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_was_converted_is_right(kind: str, checkpoint: Path, converted: Converted) -> None:
    """Nothing is wrong with sizes, hashes, configurations and logits; the figures are told."""
    target, options = GOOD[kind]
    said: list[str] = []
    assert verify(converted(target, **options), checkpoint, say=said.append) == []
    assert len(said) == (2 if target == "fastertransformer" else 1)  # either LayerNorm constant
    assert all("apart" in line for line in said)


def test_the_gptj_beside_it_is_right(checkpoint: Path, tmp_path: Path) -> None:
    """The checkpoint in GPT-J's layout is verified like a repository."""
    options = ConvertOptions(checkpoint, tmp_path / "out", also_gptj=True)
    convert(options)
    assert verify(options.gptj_out, checkpoint) == []
    assert verify(options.gptj_out, write_codegen(tmp_path / "other", rows=ROWS, seed=1)) != []
    cut("model.safetensors")(options.gptj_out)
    assert named(verify(options.gptj_out)) == ["model.safetensors"]


SIZES: Mapping[str, tuple[Change, list[str]]] = {
    "embedding": (cut(f"{RANKS}/model.wte.bin"), [f"{RANKS}/model.wte.bin"]),
    "bias": (cut(f"{RANKS}/model.lm_head.bias.bin"), [f"{RANKS}/model.lm_head.bias.bin"]),
    "rank's weight": (
        cut(f"{RANKS}/model.layers.1.mlp.dense_h_to_4h.weight.1.bin"),
        [f"{RANKS}/model.layers.1.mlp.dense_h_to_4h.weight.1.bin"],
    ),
    "tokenizer": (cut(f"{MODEL}/tokenizer/tokenizer.json"), [f"{MODEL}/tokenizer/tokenizer.json"]),
    "rank": (
        remove(f"{RANKS}/*.1.bin"),
        [
            f"{RANKS}/model.layers.{layer}.{part}.1.bin"
            for layer in range(2)
            for part in (
                "attention.dense.weight",
                "attention.query_key_value.weight",
                "mlp.dense_4h_to_h.weight",
                "mlp.dense_h_to_4h.bias",
                "mlp.dense_h_to_4h.weight",
            )
        ],
    ),
    "folder": (lambda repository: shutil.rmtree(repository / RANKS), []),
    "configuration": (remove(f"{MODEL}/config.pbtxt"), [f"{MODEL}/config.pbtxt"]),
}


@pytest.mark.parametrize("kind", SIZES)
def test_what_is_short_or_missing_is_named(kind: str, converted: Converted, tmp_path: Path) -> None:
    """By the quick check as well, and every file of it."""
    change, names = SIZES[kind]
    repository = changed(converted("fastertransformer", gpus=2), change, tmp_path / "changed")
    problems = check_sizes(repository)
    assert verify(repository) == problems
    if names:
        assert sorted(set(named(problems))) == sorted(names)
    else:
        assert len(problems) >= 5 + 2 * (3 + 2 * 5) + 1  # every file of the layout


CONFIGURED: Mapping[str, tuple[str, Change, str, str]] = {
    "rows": (
        "fastertransformer",
        replace(f"{MODEL}/config.pbtxt", '"50304"', '"51200"'),
        f"{MODEL}/config.pbtxt",
        "vocab_size 51200, but the weights are of 50304",
    ),
    "rows of newer versions": (
        "fastertransformer",
        replace(f"{RANKS}/config.ini", "vocab_size=50304", "vocab_size=50295"),
        f"{RANKS}/config.ini",
        "vocab_size 50295, but the weights are of 50304",
    ),
    "streamed": (
        "fastertransformer",
        replace(
            f"{MODEL}/configs/decoupled.pbtxt",
            '"tensor_para_size" value: { string_value: "2"',
            '"tensor_para_size" value: { string_value: "1"',
        ),
        f"{MODEL}/configs/decoupled.pbtxt",
        "tensor_para_size 1, but the weights are of 2",
    ),
    "newer versions": (
        "fastertransformer",
        replace(
            f"{MODEL}/configs/unary.pbtxt",
            '"head_num" value: { string_value: "4"',
            '"head_num" value: { string_value: "8"',
        ),
        f"{MODEL}/configs/unary.pbtxt",
        "head_num 8, but the weights are of 4",
    ),
    "section": (
        "fastertransformer",
        replace(f"{RANKS}/config.ini", "[gptj]", "[gpt]"),
        f"{RANKS}/config.ini",
        "no section [gptj]",
    ),
    "a missing number": (
        "fastertransformer",
        replace(f"{MODEL}/config.pbtxt", '"rotary_embedding"', '"rotary"'),
        f"{MODEL}/config.pbtxt",
        "lacks rotary_embedding, which is 8",
    ),
    "another folder": (
        "fastertransformer",
        replace(f"{MODEL}/config.pbtxt", "/1/2-gpu", "/1/1-gpu"),
        f"{MODEL}/config.pbtxt",
        "model_checkpoint_path /model/fastertransformer/1/1-gpu",
    ),
    "no configuration at all": (
        "fastertransformer",
        replace(f"{MODEL}/config.pbtxt", "parameters", "parameters {"),
        f"{MODEL}/config.pbtxt",
        "line ",
    ),
    "rows of CTranslate2": (
        "ctranslate2",
        replace(f"{MODEL}/config.pbtxt", f'"{ROWS}"', '"51200"'),
        f"{MODEL}/config.pbtxt",
        "vocab_size 51200, but the weights are of 50295",
    ),
}


@pytest.mark.parametrize("kind", CONFIGURED)
def test_a_configuration_of_another_model_is_named(kind: str, converted: Converted, tmp_path: Path) -> None:
    """Whatever the files' sizes: what the server would read is what the weights are, in every configuration."""
    target, change, where, what = CONFIGURED[kind]
    options = {"gpus": 2} if target == "fastertransformer" else {}
    repository = changed(converted(target, **options), change, tmp_path / "changed")
    problems = check_sizes(repository)
    assert set(named(problems)) == {where}
    assert any(what in problem.what for problem in problems)
    assert verify(repository) == problems


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("fastertransformer", f"{RANKS}/model.layers.0.attention.dense.weight.1.bin"),
        ("fastertransformer", f"{MODEL}/tokenizer/tokenizer.json"),
        ("ctranslate2", f"{WEIGHTS}/model.bin"),
        ("ctranslate2", f"{MODEL}/1/model.py"),
    ],
)
def test_one_bit_is_found(target: str, path: str, converted: Converted, tmp_path: Path) -> None:
    """The hashes see what sizes don't."""
    options = {"gpus": 2} if target == "fastertransformer" else {}
    repository = changed(converted(target, **options), flip(path), tmp_path / "changed")
    assert check_sizes(repository) == []
    (problem,) = verify(repository)
    assert problem.where == path
    assert "SHA-256" in problem.what


def test_a_converter_that_swaps_query_and_value_is_found(
    checkpoint: Path, converted: Converted, tmp_path: Path
) -> None:
    """Sizes and hashes hold; the logits tell, with either LayerNorm constant."""
    repository = changed(converted("fastertransformer", gpus=2), swap_query_and_value, tmp_path / "changed")
    assert verify(repository) == []
    problems = verify(repository, checkpoint)
    assert named(problems) == ["logits", "logits"]
    assert "q, k or v" in problems[0].what


def test_padding_that_can_be_chosen_is_found(checkpoint: Path, converted: Converted, tmp_path: Path) -> None:
    """The rows that fill the vocabulary up are never the best."""
    repository = changed(converted("fastertransformer", gpus=2), let_padding_win, tmp_path / "changed")
    (problem,) = verify(repository, checkpoint)
    assert "pad the vocabulary" in problem.what


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (cut(f"{WEIGHTS}/model.bin"), f"{WEIGHTS}/model.bin"),
        (remove(f"{WEIGHTS}/model.bin"), f"{WEIGHTS}/model.bin"),
        (remove(f"{MODEL}/1/model.py"), f"{MODEL}/1/model.py"),
        (edit_manifest(rows=51200), f"{WEIGHTS}/model.bin"),
    ],
)
def test_a_damaged_ctranslate2_repository_is_refused(
    change: Change, where: str, converted: Converted, tmp_path: Path
) -> None:
    """A short file, a missing one, another number of rows."""
    repository = changed(converted("ctranslate2"), change, tmp_path / "changed")
    assert where in named(check_sizes(repository))
    assert where in named(verify(repository))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit_manifest(target="other"), "unknown target"),
        (edit_manifest(format=99), "format 99"),
        (edit_manifest(files={"../outside": {"bytes": 1, "sha256": ""}}), "damaged"),
        (lambda repository: (repository / "pilotfish.json").write_text("{"), "pilotfish.json is no JSON"),
        (edit_manifest(dtype="fp8"), "unknown dtype"),
        (edit_manifest(gpus=0), "gpus is 0"),
        (edit_manifest(files={"x" * 300: {"bytes": 1, "sha256": ""}}), "can't be read"),
        (edit_manifest(architecture={"layers": "many"}), "layers is 'many'"),
    ],
)
def test_a_damaged_manifest_is_a_problem(
    change: Change, words: str, converted: Converted, tmp_path: Path
) -> None:
    """Never an exception, and never nothing."""
    repository = changed(converted("fastertransformer", gpus=2), change, tmp_path / "changed")
    problems = verify(repository)
    assert problems
    assert words in "\n".join(map(str, problems))


@pytest.mark.parametrize("target", ["fastertransformer", "ctranslate2"])
def test_another_checkpoint_is_told_apart(target: str, converted: Converted, tmp_path: Path) -> None:
    """Of other sizes it is named with them; of the same sizes the logits tell."""
    repository = converted(target)
    larger = write_codegen(tmp_path / "larger", rows=ROWS, layers=3)
    (problem,) = verify(repository, larger)
    assert str(problem) == "larger: has layers 3, but the repository is of a model with 2"
    wider = write_codegen(tmp_path / "wider", rows=51200)
    (problem,) = verify(repository, wider)
    assert "51200 rows" in problem.what
    other = write_codegen(tmp_path / "other", rows=ROWS, seed=1)
    assert set(named(verify(repository, other))) == {"logits"}


def test_what_is_no_checkpoint_is_refused(converted: Converted, tmp_path: Path) -> None:
    """The message names it; the repository itself is not at fault."""
    with pytest.raises(ConvertError, match="absent"):
        verify(converted("ctranslate2"), tmp_path / "absent")


def test_a_checkpoint_that_is_not_there_is_missed_at_once(converted: Converted, tmp_path: Path) -> None:
    """Before hours are spent on hashes: nothing is begun, and a damaged file does not come first."""
    begun: list[str] = []

    class Display(Silent):
        def begin(self, what: str, total: int | None) -> None:  # noqa: ARG002
            begun.append(what)

    repository = changed(converted("ctranslate2"), flip(f"{WEIGHTS}/model.bin"), tmp_path / "repository")
    with pytest.raises(ConvertError, match="absent is no folder"):
        verify(repository, tmp_path / "absent", Display())
    assert begun == []


def test_what_is_no_repository_is_no_damaged_one(tmp_path: Path) -> None:
    """A wrong path is an error of who asks; nothing has to be converted again, and the path is said once."""
    for path, reason in ((tmp_path, "is no model repository"), (tmp_path / "absent", "is no folder")):
        with pytest.raises(ConvertError, match=reason) as raised:
            verify(path)
        assert str(raised.value).count(str(path)) == 1
        (problem,) = check_sizes(path)
        assert str(problem).count(str(path)) == 1
