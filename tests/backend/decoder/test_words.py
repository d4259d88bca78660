"""Stop and bad word lists in FasterTransformer's packing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.decoder.word_lists import pack_words
from pilotfish.backend.decoder.words import InvalidWords, unpack_words


def test_words_stand_one_after_another_above_their_ends() -> None:
    """The published example: two words of one and two tokens, padded to the same length."""
    packed = pack_words([[[628], [198, 4299]]])
    assert packed.dtype == np.int32
    assert packed.tolist() == [[[628, 198, 4299], [1, 3, -1]]]


def test_no_words_are_one_padding() -> None:
    """An empty list is not an empty tensor."""
    assert pack_words([[]]).tolist() == [[[0], [-1]]]
    assert unpack_words(np.array([[[0], [-1]]], np.int32)) == [[]]


def test_rows_are_padded_to_the_longest() -> None:
    """Each row keeps its own words."""
    rows = [[[1, 2, 3]], [], [[4], [5]]]
    assert pack_words(rows).shape == (3, 2, 3)
    assert unpack_words(pack_words(rows)) == rows


@given(st.lists(st.lists(st.lists(st.integers(0, 2**31 - 1), min_size=1)), min_size=1))
def test_unpacking_undoes_packing(rows: list[list[list[int]]]) -> None:
    """Whatever the words are, the token 0 included."""
    assert unpack_words(pack_words(rows)) == rows


@pytest.mark.parametrize(
    ("packed", "complaint"),
    [
        ([[1, 2]], "shape"),
        ([[[1], [1], [1]]], "shape"),
        ([[[1, 2], [2, 1]]], "rise"),
        ([[[1, 2], [3, -1]]], "at most 2"),
        ([[[1, 2], [0, -1]]], "rise"),
        ([[[1, 2], [-2, -1]]], "rise"),
    ],
)
def test_what_is_no_word_list_is_refused(packed: list[list[list[int]]], complaint: str) -> None:
    """Ends that fall, stand still or go beyond the tokens, and other shapes, are named."""
    with pytest.raises(InvalidWords, match=complaint):
        unpack_words(np.array(packed, np.int32))
