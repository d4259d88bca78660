"""The decoder with a tiny model: its tokens, ends, log-probabilities, draws and steering."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from backend.decoder.decoding import LONG, PROMPTS, row, run, tokens
from harness.tiny_ct2 import END, Reference
from pilotfish.backend.decoder.call import STEPS_WITH_LOGITS
from pilotfish.backend.decoder.decoder import (
    Decoder,
    Outcome,
    Row,
)


def test_greedy_tokens_are_those_of_whole_forward_passes(decoder: Decoder, reference: Reference) -> None:
    """Prompts of ten lengths, one by one and all in one call."""
    expected = [reference.greedy(prompt, 12) for prompt in PROMPTS]
    for prompt, right in zip(PROMPTS, expected, strict=True):
        steps, outcomes = run(decoder, row(prompt, max_tokens=12))
        assert tokens(steps[0]) == right
        assert [step.last for step in steps[0]] == [False] * (len(right) - 1) + [True]
        assert outcomes[0].completion_tokens == len(right)
    together, _ = run(decoder, *(row(prompt, max_tokens=12) for prompt in PROMPTS))
    assert [tokens(steps) for steps in together] == expected


def test_an_empty_prompt_begins_with_the_start_token(decoder: Decoder, reference: Reference) -> None:
    """CTranslate2 itself refuses one without tokens."""
    steps, _ = run(decoder, row((), max_tokens=4))
    assert tokens(steps[0]) == reference.greedy([END], 4)


def test_rows_of_a_batch_end_each_by_itself(decoder: Decoder, reference: Reference) -> None:
    """By their own limits, stop words, end and caller; what the others say does not change."""
    right = reference.greedy(LONG, 12)
    stop = [right[3], right[4]]
    rows = [row(LONG, max_tokens=12), row(LONG, max_tokens=3), row(LONG, max_tokens=12, stop_words=[stop])]
    rows += [row(LONG, max_tokens=12)]
    calls = itertools.count(1)
    steps, outcomes = run(decoder, *rows, emit=lambda index, _: index == 3 and next(calls) == 6)
    assert [tokens(each) for each in steps] == [right, right[:3], right[:5], right[:6]]
    assert [outcome.reason for outcome in outcomes] == ["length", "length", "stop_word", "cancelled"]
    assert [each[-1].last for each in steps] == [True, True, True, False]
    assert run(decoder, row(LONG, max_tokens=1), emit=lambda _index, _step: True)[1] == [Outcome("length", 1)]


def test_the_end_token_is_generated_and_ends_the_row(decoder: Decoder, reference: Reference) -> None:
    """Whatever token it is."""
    right = reference.greedy(LONG, 12)
    steps, outcomes = run(decoder, row(LONG, max_tokens=12, end_id=right[4]))
    assert tokens(steps[0]) == right[: right.index(right[4]) + 1]
    assert outcomes[0].reason == "end"
    steps, _ = run(decoder, row(LONG, max_tokens=12, end_id=50256))
    assert tokens(steps[0]) == right


def test_a_stop_word_may_begin_in_the_prompt(decoder: Decoder, reference: Reference) -> None:
    """As FasterTransformer compares the whole sequence."""
    right = reference.greedy(LONG, 1)
    _, outcomes = run(decoder, row(LONG, max_tokens=12, stop_words=[[LONG[-1], right[0]]]))
    assert outcomes[0] == Outcome("stop_word", 1)


@pytest.mark.parametrize("logprobs", [0, 3])
def test_log_probabilities_are_the_models_own(decoder: Decoder, reference: Reference, logprobs: int) -> None:
    """Before temperature and cuts, of drawn tokens too, with the most likely ones where they were asked for."""
    drawn = row(LONG, max_tokens=6, temperature=2.0, top_p=0.8, seed=1, logprobs=logprobs)
    for one in (row(LONG, max_tokens=6, logprobs=logprobs), drawn, replace(drawn, seed=None)):
        (steps,), _ = run(decoder, one)
        context = list(LONG)
        for step in steps:
            right = reference.logprobs(context)
            assert step.logprob == pytest.approx(right[step.token], abs=1e-4)
            assert [token for token, _ in step.top] == np.argsort(-right)[:logprobs].tolist()
            assert [each for _, each in step.top] == pytest.approx(np.sort(-right)[:logprobs] * -1, abs=1e-4)
            context.append(step.token)


@pytest.mark.parametrize("logprobs", [0, 3])
@pytest.mark.parametrize("sampled", [row(LONG), row(LONG, temperature=0.7, top_p=1.0)])
def test_a_ban_does_not_change_the_log_probabilities(
    decoder: Decoder, reference: Reference, logprobs: int, sampled: Row
) -> None:
    """They are the model's: of what is banned too, and not as if it had never been likely."""
    (best,) = reference.greedy(LONG, 1)
    (steps,), _ = run(decoder, replace(sampled, max_tokens=3, bad_words=[[best]], logprobs=logprobs))
    context = list(LONG)
    for step in steps:
        assert step.token != best
        assert step.logprob == pytest.approx(reference.logprobs(context)[step.token], abs=1e-4)
        context.append(step.token)
    assert [token for token, _ in steps[0].top[:1]] == [best] * bool(logprobs)


def test_none_are_given_where_none_were_asked_for(decoder: Decoder) -> None:
    """In either way of sampling."""
    steps, _ = run(
        decoder, row(LONG, max_tokens=2), row(LONG, max_tokens=2, seed=1, top_p=1.0, temperature=1.0)
    )
    assert [step.logprob for each in steps for step in each] == [None] * 4


def test_a_seed_gives_the_same_text_alone_and_beside_others(decoder: Decoder) -> None:
    """And other seeds other texts; without one it differs from call to call."""
    seeded = [row(LONG, max_tokens=20, temperature=1.5, top_p=0.95, seed=seed) for seed in (1, 1, 2)]
    (one, two, three), _ = run(decoder, *seeded)
    (again,), _ = run(decoder, seeded[0])
    assert tokens(one) == tokens(two) == tokens(again) != tokens(three)
    free = [tokens(run(decoder, replace(seeded[0], seed=None))[0][0]) for _ in range(5)]
    assert len({tuple(each) for each in free}) > 1


def test_steering_goes_on_where_the_engine_went_another_way(decoder: Decoder, reference: Reference) -> None:
    """Each token is the one that our own arithmetic picks out of whole forward passes."""
    (steps,), outcomes = run(decoder, row(LONG, max_tokens=15, repetition_penalty=1.6, frequency_penalty=0.3))
    context, generated = list(LONG), list[int]()
    for step in steps:
        logits = reference.logits(context).astype(np.float64)
        for token in set(context):
            logits[token] = logits[token] / 1.6 if logits[token] > 0 else logits[token] * 1.6
        for token in generated:
            logits[token] -= 0.3
        assert step.token == int(logits.argmax())
        context.append(step.token)
        generated.append(step.token)
    assert outcomes == [Outcome("length", 15)]
    assert tokens(steps) != reference.greedy(LONG, 15), "the penalties had no effect: the test shows nothing"


def test_bias_and_bad_words_hold(decoder: Decoder, reference: Reference) -> None:
    """A bias forces or bans; bad words of one token and of two are not said, the rest is the best that is left."""
    right = reference.greedy(LONG, 8)
    (forced, banned, single, pair), _ = run(
        decoder,
        row(LONG, max_tokens=4, logit_bias={17: 100.0}),
        row(LONG, max_tokens=8, logit_bias={right[2]: -100.0}),
        row(LONG, max_tokens=8, bad_words=[[right[2]]]),
        row(LONG, max_tokens=8, bad_words=[[right[1], right[2]]]),
    )
    assert tokens(forced) == [17] * 4
    assert tokens(banned) == tokens(single)
    assert tokens(single)[:2] == right[:2]
    assert right[2] not in tokens(single)
    assert tokens(pair)[:2] == right[:2]
    assert tokens(pair)[2] == int(np.argsort(-reference.logits([*LONG, *right[:2]]))[1])


def test_the_same_prompt_drawn_several_times_gives_several_texts(decoder: Decoder) -> None:
    """In one batch, which reads the prompt once."""
    steps, _ = run(decoder, *[row(LONG, max_tokens=10, temperature=2.0, top_p=1.0)] * 6)
    assert len({tuple(tokens(each)) for each in steps}) > 1


def test_a_long_row_with_logits_goes_on_behind_its_restart(decoder: Decoder) -> None:
    """CTranslate2 keeps all logits of a call, so that a call is ended now and then."""
    count = STEPS_WITH_LOGITS + 10
    wanted = [row(PROMPTS[3], max_tokens=count, end_id=50256, logprobs=logprobs) for logprobs in (None, 1)]
    (plain, seen), outcomes = run(decoder, *wanted)
    assert tokens(plain) == tokens(seen)
    assert outcomes == [Outcome("length", count)] * 2
