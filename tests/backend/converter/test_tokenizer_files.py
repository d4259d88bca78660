"""A checkpoint's tokenizer, and whether the model has a row for all that it makes."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from harness.codegen_tokenizer import write_tokenizer
from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.tokenizer_files import TokenizerFacts, find_tokenizer
from pilotfish.backend.converter.vocabulary import check_rows, end_id

TEXT = "def f(x):\n        return x  # \u00e9 \U0001f600 <|endoftext|>\n\n\t\tpass\n" + " " * 40


@pytest.fixture(scope="module")
def codegens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with CodeGen's tokenizer."""
    write_tokenizer(folder := tmp_path_factory.mktemp("codegen"))
    return folder


@pytest.fixture(scope="module")
def gpt2s(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with GPT-2's."""
    write_tokenizer(folder := tmp_path_factory.mktemp("gpt2"), runs=False)
    return folder


def found(path: Path) -> TokenizerFacts:
    tokenizer = find_tokenizer(path)
    assert tokenizer is not None
    return tokenizer


def test_codegens_tokenizer(codegens: Path) -> None:
    """50,295 entries, of which the end of the text is the only one that is no text."""
    facts = found(codegens)
    assert (facts.highest, facts.end, facts.special) == (50294, 50256, frozenset({50256}))
    assert facts.is_codegens
    assert {"tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json"} <= facts.files.keys()


def test_gpt2s_tokenizer(gpt2s: Path) -> None:
    """50,257 entries, and not CodeGen's."""
    facts = found(gpt2s)
    assert (facts.highest, facts.end) == (50256, 50256)
    assert not facts.is_codegens


def test_a_file_will_do(codegens: Path) -> None:
    """--tokenizer may name tokenizer.json itself."""
    assert found(codegens / "tokenizer.json").highest == 50294
    assert set(found(codegens / "tokenizer.json").files) == {"tokenizer.json"}


def test_none(tmp_path: Path) -> None:
    """A checkpoint may have no tokenizer, but one that was named must be there."""
    assert find_tokenizer(tmp_path) is None
    with pytest.raises(ConvertError, match="is not there"):
        find_tokenizer(tmp_path / "absent")


@pytest.mark.parametrize("runs", [True, False])
def test_older_files_give_the_same_tokenizer(runs: bool, codegens: Path, gpt2s: Path, tmp_path: Path) -> None:
    """vocab.json, merges.txt and added_tokens.json, as slow tokenizers save them, make the tokenizer.json."""
    folder = codegens if runs else gpt2s
    for name in ("vocab.json", "merges.txt", *(["added_tokens.json"] if runs else [])):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    facts, whole = found(tmp_path), found(folder)
    assert (facts.highest, facts.end, facts.is_codegens) == (whole.highest, whole.end, whole.is_codegens)
    ours, theirs = Tokenizer.from_str(facts.json_text()), Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = ours.encode(TEXT).ids
    assert ids == theirs.encode(TEXT).ids
    assert ours.decode(ids) == theirs.decode(ids)
    assert (50257 in ids) == runs  # the run of 31 spaces


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", {}),
        ("tokenizer.json", {"model": {"vocab": {}}, "added_tokens": []}),
        ("tokenizer.json", {"model": {"vocab": [["a", -1.5]]}, "added_tokens": []}),
        ("tokenizer.json", {"model": {"vocab": {"a": -1}}, "added_tokens": []}),
        ("tokenizer.json", {"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "b"}]}),
        ("vocab.json", {"a": "b"}),
    ],
)
def test_what_is_no_tokenizer_is_refused_by_its_file(name: str, content: Any, tmp_path: Path) -> None:
    """Whatever it is instead."""
    (tmp_path / "merges.txt").write_text("")
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ConvertError, match=f"{tmp_path / name}"):
        find_tokenizer(tmp_path)


@pytest.mark.parametrize("rows", [50295, 50296, 51200, 60000])
def test_rows_for_all_of_codegens_ids(rows: int, codegens: Path) -> None:
    """Any number from the highest id on."""
    assert check_rows(Architecture(rows=rows, eos=50256), found(codegens)) == []


def test_50257_rows_go_with_gpt2s_tokenizer_or_none(codegens: Path, gpt2s: Path) -> None:
    """CodeGen's is refused by name: its runs of spaces would have no rows."""
    model = Architecture(rows=50257, eos=50256)
    assert check_rows(model, found(gpt2s)) == []
    assert check_rows(model, None) == []
    (problem,) = check_rows(model, found(codegens))
    assert problem.where == str(codegens / "tokenizer.json")
    assert "CodeGen's tokenizer" in problem.what
    assert "50294" in problem.what
    assert "50257 rows" in problem.what


def test_other_tokenizers_that_are_too_large_are_refused(gpt2s: Path) -> None:
    """Without calling them CodeGen's; and an end of the text must have a row as well."""
    (problem,) = check_rows(Architecture(rows=50256, eos=0), found(gpt2s))
    assert "CodeGen" not in problem.what
    (problem,) = check_rows(Architecture(rows=40, eos=50256), None)
    assert problem.where == "eos_token_id"


def test_the_tokenizer_says_what_ends_a_text(codegens: Path) -> None:
    """Where the configuration names an id that is text there."""
    assert end_id(Architecture(eos=50256), found(codegens)) == 50256
    assert end_id(Architecture(eos=2), found(codegens)) == 50256
    assert end_id(Architecture(eos=2), None) == 2
