"""Requests and answers in FasterTransformer's tensors."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pilotfish.backend.decoder.rows import Row, Step
from pilotfish.backend.decoder.tensors import Answer, InvalidRequest, Limits, read_rows

LIMITS = Limits(vocab_size=300, positions=64, start_id=298, end_id=299)
Tensors = dict[str, NDArray[Any]]


def request(prompts: list[list[int]], **more: NDArray[Any]) -> Tensors:
    """A request that lacks nothing."""
    longest = max(map(len, prompts), default=0)
    padded = [[*prompt, *[0] * (longest - len(prompt))] for prompt in prompts]
    return {
        "input_ids": np.array(padded, np.uint32).reshape(len(prompts), longest),
        "input_lengths": np.array([len(prompt) for prompt in prompts], np.uint32),
        "request_output_len": np.array([[5]] * len(prompts), np.uint32),
        **more,
    }


def test_what_is_absent_is_greedy() -> None:
    """FasterTransformer takes the most likely token without top_k and top_p."""
    (row,) = read_rows(request([[1, 2, 3]]), LIMITS)
    assert row == Row((1, 2, 3), max_tokens=5, start_id=298, end_id=299)
    assert row.greedy


def test_rows_are_cut_to_their_lengths() -> None:
    """The padding is not read; an empty prompt is the start token."""
    rows = read_rows(request([[1, 2, 3], [4], []]), LIMITS)
    assert [tuple(row.context) for row in rows] == [(1, 2, 3), (4,), (298,)]


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_every_input_finds_its_field(shape: tuple[int, ...]) -> None:
    """As scalars of both shapes; beams' own inputs are ignored."""

    def scalars(kind: type, *values: float) -> NDArray[Any]:
        return np.array(values, kind).reshape(shape)

    tensors = request(
        [[1], [2]],
        start_id=scalars(np.uint32, 3, 4),
        end_id=scalars(np.uint32, 5, 6),
        runtime_top_k=scalars(np.uint32, 7, 8),
        runtime_top_p=scalars(np.float32, 0.5, 0.25),
        temperature=scalars(np.float32, 0.75, 1.5),
        repetition_penalty=scalars(np.float32, 1.5, 2),
        presence_penalty=scalars(np.float32, 0.5, 1),
        frequency_penalty=scalars(np.float32, -0.5, 0),
        random_seed=scalars(np.int32, -1, 2**31 - 1),
        is_return_log_probs=scalars(np.bool_, 1, 0),
        top_log_probs_count=scalars(np.uint32, 2, 2),
        beam_width=scalars(np.uint32, 1, 1),
        len_penalty=scalars(np.float32, 0, 0),
        beam_search_diversity_rate=scalars(np.float32, 0, 0),
        stop_words_list=np.array([[[9, 10], [2, -1]], [[0, 0], [-1, -1]]], np.int32),
        bad_words_list=np.array([[[11], [1]], [[0], [-1]]], np.int32),
        logit_bias_ids=np.array([[12, 13], [14, 15]], np.uint32),
        logit_bias_values=np.array([[1, -1], [0.5, 0]], np.float32),
    )
    one, two = read_rows(tensors, LIMITS)
    assert one == Row(
        (1,),
        max_tokens=5,
        temperature=0.75,
        top_k=7,
        top_p=0.5,
        repetition_penalty=1.5,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        logit_bias={12: 1.0, 13: -1.0},
        seed=-1,
        stop_words=[[9, 10]],
        bad_words=[[11]],
        start_id=3,
        end_id=5,
        logprobs=2,
    )
    assert (two.seed, two.stop_words, two.bad_words, two.logprobs) == (2**31 - 1, [], [], 2)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"input_ids": np.zeros((0, 3), np.uint32)}, "input_ids"),
        ({"input_ids": np.zeros(3, np.uint32)}, "input_ids"),
        ({"input_ids": np.full((1, 2), 300, np.uint32)}, "prompt holds a token id outside of 0 to 299"),
        ({"input_lengths": np.array([3], np.uint32)}, "input_lengths says 3, but input_ids has 2"),
        ({"input_lengths": np.array([1, 1], np.uint32)}, "input_lengths must be one number"),
        ({"request_output_len": np.array([[63]], np.uint32)}, "2 tokens and 63 more exceed the model's 64"),
        ({"request_output_len": np.array([[2**32 - 1]], np.uint32)}, "max_tokens"),
        ({"beam_width": np.array([2], np.uint32)}, "beam_width"),
        ({"temperature": np.array([np.nan], np.float32)}, "temperature"),
        ({"temperature": np.array([-1], np.float32)}, "temperature"),
        ({"runtime_top_p": np.array([1.5], np.float32)}, "top_p"),
        ({"repetition_penalty": np.array([-1], np.float32)}, "repetition_penalty"),
        ({"top_log_probs_count": np.array([101], np.uint32)}, "top_log_probs_count must be at most 100"),
        ({"stop_words_list": np.array([[[5], [2]]], np.int32)}, "stop_words_list"),
        ({"stop_words_list": np.zeros((2, 2, 1), np.int32)}, "stop_words_list"),
        ({"bad_words_list": np.array([[[-5], [1]]], np.int32)}, "bad_words"),
        ({"logit_bias_ids": np.array([[1]], np.uint32)}, "logit_bias"),
        (
            {
                "logit_bias_ids": np.array([[1]], np.uint32),
                "logit_bias_values": np.array([[np.inf]], np.float32),
            },
            "logit_bias must be finite",
        ),
    ],
)
def test_what_can_not_be_served_is_named(wrong: Tensors, complaint: str) -> None:
    """Every one with the tensor or field that is wrong."""
    with pytest.raises(InvalidRequest, match=complaint):
        read_rows(request([[1, 2]], **wrong), LIMITS)


def test_what_fauxpilots_proxy_makes_of_no_penalty_is_none() -> None:
    """It passes OpenAI's frequency penalty on as FasterTransformer's, which multiplies."""
    (row,) = read_rows(request([[1, 2]], repetition_penalty=np.array([0], np.float32)), LIMITS)
    assert row.repetition_penalty == 1


@pytest.mark.parametrize("name", ["input_ids", "input_lengths", "request_output_len"])
def test_a_missing_input_is_named(name: str) -> None:
    """Triton does not always refuse such a request itself."""
    tensors = request([[1, 2]])
    del tensors[name]
    with pytest.raises(InvalidRequest, match=f"{name} is missing"):
        read_rows(tensors, LIMITS)


def test_an_answer_is_prompt_and_completion() -> None:
    """Rows of different lengths are padded behind; the lengths say where each ends."""
    answer = Answer([Row((1, 2, 3), max_tokens=2), Row((4,), max_tokens=3)])
    assert answer.tensors()["output_ids"].tolist() == [[[1, 2, 3]], [[4, 0, 0]]]
    for row, token in ((1, 5), (1, 6), (0, 7)):
        answer.take(row, Step(token))
    tensors = answer.tensors()
    assert tensors["output_ids"].tolist() == [[[1, 2, 3, 7]], [[4, 5, 6, 0]]]
    assert tensors["sequence_length"].tolist() == [[4], [3]]
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.uint32)}
    assert all(tensor.flags.c_contiguous for tensor in tensors.values())
    assert set(tensors) == {"output_ids", "sequence_length"}


def test_log_probabilities_are_answered_where_they_were_asked_for() -> None:
    """Of the completion alone, with their sum, and alternatives beside them."""
    answer = Answer([Row((1,), max_tokens=3, logprobs=2)])
    answer.take(0, Step(5, -0.5, [(5, -0.5), (6, -1.5)]))
    answer.take(0, Step(7, -0.25, [(7, -0.25), (8, -2.0)]))
    tensors = answer.tensors()
    assert tensors["output_log_probs"].tolist() == [[[-0.5, -0.25]]]
    assert tensors["cum_log_probs"].tolist() == [[-0.75]]
    assert tensors["top_log_probs_ids"].tolist() == [[[[5, 6], [7, 8]]]]
    assert tensors["top_log_probs"].tolist() == [[[[-0.5, -1.5], [-0.25, -2.0]]]]


def test_an_empty_prompts_start_token_is_not_answered() -> None:
    """It was not asked for."""
    answer = Answer([Row((), max_tokens=1)])
    answer.take(0, Step(5))
    assert answer.tensors()["output_ids"].tolist() == [[[5]]]


def test_answers_do_not_change_behind_the_senders_back() -> None:
    """Each is a copy."""
    answer = Answer([Row((1,), max_tokens=2)])
    answer.take(0, Step(5))
    before = answer.tensors()
    answer.take(0, Step(6))
    assert before["output_ids"].tolist() == [[[1, 5]]]
    assert before["sequence_length"].tolist() == [[2]]
