"""Tokens to text while they come: whole characters only. Pure, but for the tokenizer's tables."""

import codecs
from collections.abc import Iterable
from typing import Protocol


class TokenBytes(Protocol):
    """What is needed of a tokenizer."""

    def token_bytes(self, token: int) -> bytes:
        """What a token stands for, perhaps a part of a character."""
        ...


class Detokenizer:
    """The text of one sequence. Bytes that are no UTF-8 have no text."""

    def __init__(self, tokenizer: TokenBytes) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")

    def feed(self, tokens: Iterable[int]) -> str:
        """The characters that these tokens complete; what is left of them waits for the next ones."""
        return self._decoder.decode(b"".join(map(self._tokenizer.token_bytes, tokens)))

    def rest(self) -> str:
        """The end of the sequence: a character that is still incomplete is dropped."""
        return self._decoder.decode(b"", final=True)


def spelt(token: bytes) -> str:
    r"""A token's text; a part of a character is spelt as OpenAI does: ``bytes:\xe2\x80``."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)
