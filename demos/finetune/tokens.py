"""CodeGen's tokenizer, as the copier needs it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from harness.codegen_tokenizer import codegen_tokenizer_json


def encode(text: str) -> list[int]:
    """The ids of a text."""
    ids: list[int] = _tokenizer().encode(text).ids
    return ids


def decode(ids: Sequence[int]) -> str:
    """The text of ids."""
    return str(_tokenizer().decode(list(ids)))


@cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_str(codegen_tokenizer_json())
