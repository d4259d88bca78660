"""Text to token ids and back, for engines that want ids: byte-level BPE as GPT-2, GPT-J and CodeGen have it.

A tokenizer is the file ``tokenizer.json`` of Hugging Face's tokenizers library, which stands beside every checkpoint.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .base import EngineError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Bpe

_FILE = "tokenizer.json"
_END = "<|endoftext|>"


class TokenizerError(EngineError):
    """A tokenizer can't be read, or is of a kind that we do not know; the message names the file."""


class Tokenizer:
    """One tokenizer. Reading is thread-safe, and ``encode`` lets other threads run meanwhile."""

    def __init__(self, bpe: "Bpe", where: Path) -> None:
        self._bpe = bpe
        self._bytes: dict[int, bytes] = {}
        added = bpe.get_added_tokens_decoder()
        self._added: Mapping[int, bytes] = {
            number: b"" if token.special else token.content.encode() for number, token in added.items()
        }
        end = bpe.token_to_id(_END)
        if end is None:
            raise TokenizerError(
                f"{where} has no token {_END}: it is no tokenizer of a GPT-J or CodeGen model."
            )
        self.end_id: int = end
        """The token that ends a text, and begins one."""
        self.size: int = 1 + max(bpe.get_vocab(with_added_tokens=True).values())
        """The highest token id, plus one. A model may have more rows; their ids have no text."""

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read ``tokenizer.json``, or the one in a directory. Raises ``TokenizerError`` that names it."""
        from tokenizers import Tokenizer as Bpe
        from tokenizers import decoders

        file = path / _FILE if path.is_dir() else path
        if not file.is_file():
            raise TokenizerError(
                f"There is no {file}: give the file {_FILE} of the model's checkpoint, or its directory."
            )
        try:
            bpe = Bpe.from_file(str(file))
        except Exception as error:  # the library raises nothing more particular
            raise TokenizerError(f"{file} is no tokenizer: {error}") from error
        if not isinstance(bpe.decoder, decoders.ByteLevel):
            raise TokenizerError(f"{file} is no byte-level BPE, which GPT-J and CodeGen models have.")
        bpe.no_truncation()
        bpe.no_padding()
        bpe.encode_special_tokens = True  # a text that spells a special token means its characters
        return cls(bpe, file)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, none added; special tokens written out in it are plain text."""
        return list(self._bpe.encode(text, add_special_tokens=False).ids)

    def token_bytes(self, token: int) -> bytes:
        """What a token stands for, perhaps a part of a character; nothing for special and unused ids."""
        known = self._bytes.get(token)
        if known is None:
            known = self._bytes[token] = self._look_up(token)
        return known

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; where they are no UTF-8 it has U+FFFD."""
        return b"".join(map(self.token_bytes, tokens)).decode(errors="replace")

    def _look_up(self, token: int) -> bytes:
        if (added := self._added.get(token)) is not None:
            return added
        spelling = self._bpe.id_to_token(token)
        if spelling is None:
            return b""
        try:
            return bytes(_BYTES[character] for character in spelling)
        except KeyError:  # no byte-level spelling, so it stands for itself, as in the library's own decoder
            return spelling.encode()


def _byte_alphabet() -> dict[str, int]:
    """How GPT-2's vocabulary spells bytes: printable Latin-1 as itself, the others from U+0100 on, in order.

    Source: openai/gpt-2, ``encoder.py``, "bytes_to_unicode".
    """
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


_BYTES = _byte_alphabet()
