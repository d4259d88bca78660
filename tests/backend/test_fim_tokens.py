"""Which tokens mean what, by the keys of the file and by the spellings of known families."""
# ruff: noqa: RUF001 (DeepSeek's tokens are spelt with such characters)

from pathlib import Path

import pytest

from pilotfish.backend.models.fim_tokens import FimTokens, special_tokens
from pilotfish.backend.models.gguf_metadata import GgufMetadata, Scalar


def metadata(tokens: dict[str, int], **keys: Scalar) -> GgufMetadata:
    values: dict[str, Scalar] = {"general.architecture": "x", "x.vocab_size": 100}
    values.update({f"tokenizer.ggml.{key}": value for key, value in keys.items()})
    return GgufMetadata(Path("x.gguf"), 1, values, {}, tokens)


@pytest.mark.parametrize(
    "spelt",
    [
        ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen2.5-Coder, CodeGemma
        ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder2, Granite
        ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
        ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek-Coder
        ("▁<PRE>", "▁<SUF>", "▁<MID>"),  # CodeLlama
        ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),  # GLM
    ],
)
def test_families_are_known_by_their_spelling(spelt: tuple[str, str, str]) -> None:
    """Three tokens with ids, whatever the family calls them; each of them also ends a completion."""
    special = special_tokens(metadata(dict(zip(spelt, (11, 12, 13), strict=True))))
    assert special.fim == FimTokens(11, 12, 13)
    assert {11, 12, 13} <= special.ends


@pytest.mark.parametrize(
    "keys",
    [
        {"fim_pre_token_id": 21, "fim_suf_token_id": 22, "fim_mid_token_id": 23},
        {"prefix_token_id": 21, "suffix_token_id": 22, "middle_token_id": 23},
    ],
)
def test_keys_count_more_than_spellings(keys: dict[str, Scalar]) -> None:
    """What the file declares is what it means, in today's and in yesterday's keys."""
    tokens = {"<fim_prefix>": 1, "<fim_suffix>": 2, "<fim_middle>": 3}
    assert special_tokens(metadata(tokens, **keys)).fim == FimTokens(21, 22, 23)


@pytest.mark.parametrize(
    ("tokens", "keys"),
    [
        ({}, {}),
        ({"<fim_prefix>": 1, "<fim_suffix>": 2}, {}),
        ({"<fim_prefix>": 1, "<fim_suffix>": 2, "<fim_middle>": 2}, {}),
        ({}, {"fim_pre_token_id": 1, "fim_suf_token_id": 2, "fim_mid_token_id": 100}),
    ],
)
def test_two_of_three_are_not_enough(tokens: dict[str, int], keys: dict[str, Scalar]) -> None:
    """A token missing, twice the same, or out of the vocabulary: the model can't fill in."""
    assert special_tokens(metadata(tokens, **keys)).fim is None


def test_ends_are_gathered() -> None:
    """End of text, of a turn, of a file; from keys and from spellings."""
    tokens = {"<|endoftext|>": 1, "<|im_end|>": 2, "<file_sep>": 3, "<|repo_name|>": 4}
    special = special_tokens(metadata(tokens, eos_token_id=9, eot_token_id=10, fim_pad_token_id=11))
    assert special.ends == {1, 2, 3, 4, 9, 10, 11}


@pytest.mark.parametrize(
    ("keys", "bos", "start"),
    [
        ({"bos_token_id": 5, "add_bos_token": True}, 5, 5),
        ({"bos_token_id": 5, "add_bos_token": False}, None, 1),
        ({"bos_token_id": 5, "model": "llama"}, 5, 5),
        ({"bos_token_id": 5, "model": "gpt2"}, None, 1),
        ({"add_bos_token": True}, None, 1),
    ],
)
def test_the_beginning_is_what_the_file_says(keys: dict[str, Scalar], bos: int | None, start: int) -> None:
    """A beginning-of-text token only where the model was trained with one; an empty prompt starts with something."""
    special = special_tokens(metadata({"<|endoftext|>": 1}, **keys))
    assert (special.bos, special.start) == (bos, start)
