"""FasterTransformer's packing of stop and bad word lists. Pure.

One list for each row of a batch, int32 [2, length]. Above, the token ids of all words one after another, padded with 0;
below, where each word ends, padded with -1. No words: [[0], [-1]].
"""

from typing import Any

from numpy.typing import NDArray


class InvalidWords(ValueError):
    """The tensor is no word list; the message says where."""


def unpack_words(packed: NDArray[Any]) -> list[list[list[int]]]:
    """Each row's words out of a tensor [rows, 2, length]. Raises InvalidWords."""
    if packed.ndim != 3 or packed.shape[1] != 2:
        raise InvalidWords(f"a word list has the shape [rows, 2, length], not {list(packed.shape)}")
    return [_unpack_row(tokens.tolist(), ends.tolist()) for tokens, ends in packed]


def _unpack_row(tokens: list[int], ends: list[int]) -> list[list[int]]:
    used = ends[: ends.index(-1)] if -1 in ends else ends
    words = []
    start = 0
    for end in used:
        if not start < end <= len(tokens):
            raise InvalidWords(f"the ends of words {used} do not rise from 1 to at most {len(tokens)}")
        words.append(tokens[start:end])
        start = end
    return words
