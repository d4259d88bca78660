"""Packs stop and bad word lists as FasterTransformer's clients do."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = Sequence[Sequence[int]]


def pack_words(rows: Sequence[Words]) -> NDArray[np.int32]:
    """The tensor [rows, 2, length] of each row's words, none of which may be empty."""
    length = max((max(sum(map(len, words)), len(words)) for words in rows), default=0)
    packed = np.zeros((len(rows), 2, max(1, length)), np.int32)
    packed[:, 1] = -1
    for row, words in enumerate(rows):
        tokens = [token for word in words for token in word]
        packed[row, 0, : len(tokens)] = tokens
        packed[row, 1, : len(words)] = np.cumsum([len(word) for word in words])
    return packed
