"""The files beside CTranslate2's model.bin."""

import json
from pathlib import Path

import pytest

from harness.codegen_tokenizer import codegen_tokenizer_json
from pilotfish.backend.converter.architecture import Architecture
from pilotfish.backend.converter.ct2_folder import config_text, tokens_of, vocabulary, vocabulary_text
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.proxy.engines.tokenizer import Tokenizer


def test_every_row_has_a_name_of_its_own() -> None:
    """Rows behind the tokenizer's last id, and between its ids, get names that nothing else has."""
    names = vocabulary({"a": 0, "<extra_id_1>": 3, "b": 1}, 6)
    assert names == ["a", "b", "<extra_id_0>", "<extra_id_1>", "<extra_id_2>", "<extra_id_3>"]


def test_a_token_without_a_row_is_refused_by_name() -> None:
    """A tokenizer that is too large for the model would say ids that do not exist."""
    with pytest.raises(ConvertError, match=r"'b' is number 2; the model has 2 rows"):
        vocabulary({"a": 0, "b": 2}, 2)


def test_codegens_names_are_where_its_ids_are(tmp_path: Path) -> None:
    """The runs of spaces and the end of a text stand at the ids that the tokenizer gives them."""
    text = codegen_tokenizer_json()
    (tmp_path / "tokenizer.json").write_text(text, "utf-8")
    names = vocabulary(tokens_of(json.loads(text)), 51200)
    assert len(set(names)) == 51200
    assert names[50256] == "<|endoftext|>"
    for word in ("    ", "\t\t", "def"):
        (number,) = Tokenizer.load(tmp_path).encode(word)
        assert names[number] == word
    assert names[50295] == "<extra_id_0>"


@pytest.mark.parametrize(
    "broken", [{}, {"model": {}}, {"model": {"vocab": ["a"]}}, {"model": {"vocab": {"a": "x"}}}]
)
def test_what_is_no_tokenizer_is_refused(broken: dict[str, object]) -> None:
    """A tokenizer of an unknown kind is an error of ours, not a traceback."""
    with pytest.raises(ConvertError, match="no vocabulary of a known kind"):
        tokens_of(broken)


def test_the_end_of_a_text_is_the_models() -> None:
    """The configuration names the token by the checkpoint's eos, and the layer norms' epsilon."""
    config = json.loads(config_text(Architecture(eos=1, eps=1e-6), ["a", "end"]))
    assert config["eos_token"] == config["bos_token"] == config["unk_token"] == "end"
    assert config["layer_norm_epsilon"] == 1e-6


def test_names_survive_json() -> None:
    """What is written is read back, whatever the names are made of."""
    names = ['"', "\\", "é", "\n", "🐟"]
    assert json.loads(vocabulary_text(names)) == names
