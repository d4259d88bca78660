"""The choice of one token out of logits."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotfish.backend.decoder.choosing import Chooser, Logits, draw, log_softmax, most_likely
from pilotfish.backend.decoder.rows import Row


def logits(*values: float) -> Logits:
    return np.array(values, np.float32)


def greedy(row: Row, *steps: Logits) -> list[int]:
    chooser = Chooser(row)
    return [chooser.choose(step, int(step.argmax())) for step in steps]


def test_log_softmax_is_a_distribution() -> None:
    """The probabilities add up to 1, also where the logits are far from 0."""
    for values in (logits(1, 2, 3), logits(-1000, 1000, 999), np.zeros(51200, np.float32)):
        assert np.exp(log_softmax(values).astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)


def test_the_most_likely_come_first_and_ties_by_id() -> None:
    """Where more are equally likely than fit, the lower ids are taken."""
    assert [token for token, _ in most_likely(logits(1, 3, 3, 2, 3), 2)] == [1, 2]
    assert [token for token, _ in most_likely(logits(1, 3, 3, 2, 3), 4)] == [1, 2, 4, 3]
    assert len(most_likely(logits(1, 2), 5)) == 2
    assert most_likely(logits(1, 2), 0) == ()


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=30), st.floats(0, 1, exclude_max=True))
def test_a_draw_is_always_a_token(values: list[float], uniform: float) -> None:
    """Whatever the quantile."""
    row = Row([], temperature=0.7, top_k=5, top_p=0.9)
    assert 0 <= draw(logits(*values), row, uniform) < len(values)


def test_draws_follow_the_probabilities() -> None:
    """Equally spaced quantiles hit each token as often as it is likely."""
    values = logits(np.log(0.5), np.log(0.3), np.log(0.2))
    hits = Counter(draw(values, Row([], top_p=1.0), (place + 0.5) / 1000) for place in range(1000))
    assert hits == {0: 500, 1: 300, 2: 200}


def test_temperature_sharpens() -> None:
    """At half the temperature probabilities are squared, and then add up to 1 again."""
    values = logits(np.log(0.5), np.log(0.3), np.log(0.2))
    row = Row([], temperature=0.5, top_p=1.0)
    hits = Counter(draw(values, row, (place + 0.5) / 3800) for place in range(3800))
    assert hits == {0: 2500, 1: 900, 2: 400}


def test_top_k_and_top_p_cut_the_tail() -> None:
    """top_k keeps so many tokens; top_p keeps the token that crosses it."""
    values = logits(np.log(0.2), np.log(0.5), np.log(0.3))
    almost_one = 1 - 1e-9
    assert draw(values, Row([], top_k=2), almost_one) == 2
    assert draw(values, Row([], top_p=0.6), almost_one) == 2
    assert draw(values, Row([], top_p=0.4), almost_one) == 1
    assert draw(values, Row([], top_p=1.0), almost_one) == 0


def test_a_seed_repeats_itself() -> None:
    """The same seed draws the same tokens, another one others; FasterTransformer's may be negative."""
    steps = [logits(*np.random.default_rng(step).normal(size=50)) for step in range(20)]

    def drawn(seed: int) -> list[int]:
        chooser = Chooser(Row([], seed=seed, top_p=1.0))
        return [chooser.choose(step, 0) for step in steps]

    assert drawn(5) == drawn(5) != drawn(6)
    assert drawn(-5) == drawn(-5)


def test_equally_good_tokens_are_left_to_the_engine() -> None:
    """So that a tie costs no restart."""
    row = Row([], temperature=0, logit_bias={0: 0.0})
    assert Chooser(row).choose(logits(1, 3, 3), 2) == 2
    assert Chooser(row).choose(logits(1, 3, 3), 0) == 1


def test_the_repetition_penalty_covers_prompt_and_completion() -> None:
    """Positive logits are divided by it, negative ones multiplied, once for each token."""
    row = Row([0, 0], temperature=0, repetition_penalty=2.0)
    assert greedy(row, logits(3, 2), logits(3, 2)) == [1, 0]
    assert greedy(row, logits(-1, -1.5)) == [1]


def test_presence_and_frequency_penalties_cover_the_completion_alone() -> None:
    """Presence counts once, frequency every time."""
    step = logits(3, 2, 1)
    assert greedy(Row([0], temperature=0, presence_penalty=1.5), step, step, step) == [0, 1, 0]
    assert greedy(Row([0], temperature=0, frequency_penalty=0.6), step, step, step) == [0, 0, 1]


def test_a_bias_is_added() -> None:
    """Before anything is drawn."""
    assert greedy(Row([], temperature=0, logit_bias={2: 5.0, 0: -1.0}), logits(3, 2, 1)) == [2]


def test_a_bad_word_is_not_completed() -> None:
    """Its last token is out where those before it were said, in the prompt or since; elsewhere it may come."""
    row = Row([7], temperature=0, bad_words=[[7, 1], [1, 0], [2]])
    assert greedy(row, logits(1, 3, 9), logits(1, 3, 9), logits(1, 3, 9)) == [0, 1, 1]


def test_everything_banned_is_still_a_token() -> None:
    """Greedy or drawn."""
    bans = [[0], [1]]
    assert greedy(Row([], temperature=0, bad_words=bans), logits(1, 2)) in ([0], [1])
    assert Chooser(Row([], top_p=1.0, seed=1, bad_words=bans)).choose(logits(1, 2), 0) in (0, 1)
