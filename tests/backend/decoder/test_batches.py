"""Which rows are decoded together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotfish.backend.decoder.batches import NUCLEUS_ON_GPU, SPREAD, Batch, batches, sampling, steered
from pilotfish.backend.decoder.rows import Row

LONG = tuple(range(100))


def test_rows_that_are_sampled_alike_go_together() -> None:
    """Greedy rows are alike whatever they say of drawing; limits and stop words may differ."""
    rows = [
        Row(LONG, temperature=0),
        Row(LONG[1:], temperature=0, top_k=40, max_tokens=3),
        Row(LONG, top_k=1, stop_words=[[1]]),
        Row(LONG, temperature=0.5, top_p=0.9),
        Row(LONG, temperature=0.5, top_p=0.8),
        Row(LONG, temperature=0, logprobs=0),
        Row(LONG, temperature=0, end_id=1),
    ]
    found = sorted(sorted(batch.indices) for batch in batches(rows))
    assert found == [[0, 1, 2], [3], [4], [5], [6]]


@pytest.mark.parametrize(
    "row",
    [
        Row(LONG, top_p=1.0, seed=1),
        Row(LONG, temperature=0, logit_bias={1: 1.0}),
        Row(LONG, temperature=0, repetition_penalty=1.1),
        Row(LONG, temperature=0, presence_penalty=0.1),
        Row(LONG, temperature=0, frequency_penalty=0.1),
        Row(LONG, temperature=0, bad_words=[[1, 2]]),
    ],
)
def test_what_the_engine_can_not_do_is_steered_alone(row: Row) -> None:
    """Seeds, bias, penalties, and bad words of several tokens."""
    assert steered(row)
    assert batches([row, row]) == [Batch((0,), alone=True), Batch((1,), alone=True)]


@pytest.mark.parametrize(
    "row", [Row(LONG, temperature=0, seed=1), Row(LONG, top_p=1.0), Row(LONG, temperature=0, bad_words=[[1]])]
)
def test_what_the_engine_can_do_is_not_steered(row: Row) -> None:
    """A seed changes nothing of what is greedy; single bad words are suppressed."""
    assert not steered(row)


def test_alternatives_need_a_row_of_its_own() -> None:
    """CTranslate2 hands out the logits of a whole batch with its first row's token."""
    assert [batch.alone for batch in batches([Row(LONG, logprobs=1), Row(LONG, logprobs=0)])] == [True, False]


def test_what_all_prompts_share_is_read_once() -> None:
    """The same prompt several times leaves one token for each."""
    assert batches([Row(LONG, top_p=1.0)] * 3) == [Batch((0, 1, 2), shared=99)]
    assert batches([Row(LONG, top_p=1.0)]) == [Batch((0,))]


def test_where_lengths_differ_the_shortest_keeps_two_tokens() -> None:
    """With one CTranslate2 gives the longer prompt's tokens out as generated."""
    (batch,) = batches([Row(LONG), Row((*LONG, 1, 2))])
    assert batch.shared == len(LONG) - 2
    found = batches([Row(()), Row((1, 2)), Row((3,))])
    assert sorted(sorted(batch.indices) for batch in found) == [[0, 2], [1]]


@given(st.lists(st.lists(st.integers(0, 1), max_size=200), max_size=12), st.integers(1, 5))
def test_every_row_is_in_one_batch_that_fits(prompts: list[list[int]], limit: int) -> None:
    """Few enough, alike in length, and with at least one token left of each."""
    rows = [Row(prompt) for prompt in prompts]
    found = batches(rows, limit)
    assert sorted(index for batch in found for index in batch.indices) == list(range(len(rows)))
    for batch in found:
        contexts = [tuple(rows[index].context) for index in batch.indices]
        lengths = [len(context) for context in contexts]
        assert len(batch.indices) <= limit
        assert max(lengths) - min(lengths) <= SPREAD
        assert batch.shared < min(lengths)
        assert len({context[: batch.shared] for context in contexts}) == 1


def test_sampling_is_said_in_the_engines_words() -> None:
    """Greedy is the best one; a top_k beyond the vocabulary is all; on GPUs top_p needs a top_k."""
    assert sampling(Row([], temperature=0, top_k=40), 300, "cpu") == {"sampling_topk": 1}
    drawn = {"sampling_topk": 300, "sampling_topp": 1.0, "sampling_temperature": 0.5}
    assert sampling(Row([], temperature=0.5, top_k=400), 300, "cpu") == drawn
    assert sampling(Row([], top_p=0.9), 300, "cpu")["sampling_topk"] == 0
    assert sampling(Row([], top_p=0.9), 300, "cuda")["sampling_topk"] == NUCLEUS_ON_GPU
    assert sampling(Row([], top_p=1.0), 300, "cuda")["sampling_topk"] == 0
