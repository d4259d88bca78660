"""Text to ids and back with CodeGen's own vocabulary, rebuilt."""

import json
from pathlib import Path

import pytest

from harness.codegen_tokenizer import codegen_tokenizer_json
from pilotfish.backend.proxy.engines.detokenizer import Detokenizer, spelt
from pilotfish.backend.proxy.engines.tokenizer import Tokenizer, TokenizerError

FISH = "🐟"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "tokenizer.json").write_text(codegen_tokenizer_json(), "utf-8")
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.load(folder)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("\n", [198]),
        ("\n\n", [628]),
        ("\n\n\n", [628, 198]),
        ("    ", [50284]),
        ("\t\t", [50294]),
        ("def", [4299]),
        (" print", [3601]),
        ("  \n", [50286, 198]),
    ],
)
def test_ids_are_codegens(tokenizer: Tokenizer, text: str, ids: list[int]) -> None:
    """The published ids come out, runs of spaces and tabs included."""
    assert tokenizer.encode(text) == ids
    assert tokenizer.decode(ids) == text


def test_sizes_are_known(tokenizer: Tokenizer) -> None:
    """50257 entries of GPT-2 and 38 of CodeGen's; the token that ends a text is GPT-2's."""
    assert (tokenizer.size, tokenizer.end_id) == (50295, 50256)


def test_special_tokens_in_a_text_are_text(tokenizer: Tokenizer) -> None:
    """Somebody's source that spells <|endoftext|> does not end the prompt."""
    ids = tokenizer.encode("a <|endoftext|> b")
    assert tokenizer.end_id not in ids
    assert tokenizer.decode(ids) == "a <|endoftext|> b"


@pytest.mark.parametrize("token", [50256, 50295, 51199, 10**6])
def test_special_and_unused_ids_have_no_text(tokenizer: Tokenizer, token: int) -> None:
    """A model with more rows than the vocabulary may say such an id; it shows nothing."""
    assert tokenizer.token_bytes(token) == b""


def test_a_file_does_as_well_as_its_directory(folder: Path) -> None:
    """``--tokenizer`` takes either."""
    assert Tokenizer.load(folder / "tokenizer.json").size == 50295


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "There is no"),
        ("{", "is no tokenizer"),
        (json.dumps({"decoder": {"type": "Fuse"}}), "byte-level"),
        (json.dumps({}), r"no token <\|endoftext\|>"),
    ],
)
def test_what_is_no_tokenizer_is_refused_by_name(tmp_path: Path, content: str | None, says: str) -> None:
    """The message has the file's path and what is wrong with it."""
    if content is not None:
        byte_level = {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        }
        parts = {"model": {"type": "BPE", "vocab": {}, "merges": []}, "decoder": byte_level}
        whole = content if content == "{" else json.dumps(parts | json.loads(content))
        (tmp_path / "tokenizer.json").write_text(whole, "utf-8")
    with pytest.raises(TokenizerError, match=says) as error:
        Tokenizer.load(tmp_path)
    assert str(tmp_path / "tokenizer.json") in str(error.value)


def test_half_a_character_waits(tokenizer: Tokenizer) -> None:
    """A fish is several tokens; it is shown with the last of them, not before."""
    ids = tokenizer.encode(f"x{FISH}y")
    assert len(ids) > 3
    growing = Detokenizer(tokenizer)
    assert [growing.feed([token]) for token in ids] == ["x", *[""] * (len(ids) - 3), FISH, "y"]
    assert growing.rest() == ""


def test_an_incomplete_character_is_dropped_at_the_end(tokenizer: Tokenizer) -> None:
    """max_tokens may end inside a character; nothing of it is shown."""
    ids = tokenizer.encode(f"x{FISH}")[:-1]
    growing = Detokenizer(tokenizer)
    assert growing.feed(ids) + growing.rest() == "x"


def test_bytes_that_are_no_text_are_skipped(tokenizer: Tokenizer) -> None:
    """A model may say bytes in an order that is no UTF-8: what is text around them is shown."""
    (*_, tail) = tokenizer.encode(FISH)
    assert Detokenizer(tokenizer).feed([*tokenizer.encode("a"), tail, *tokenizer.encode("b")]) == "ab"


def test_parts_of_characters_are_spelt_as_bytes() -> None:
    """As in OpenAI's log-probabilities."""
    assert [spelt(b"def"), spelt(b""), spelt(FISH.encode()[:2])] == ["def", "", "bytes:\\xf0\\x9f"]
