"""The decoder with a tiny model: its tokens, ends, log-probabilities, batches, cache and life."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.tiny_ct2 import END, ROWS, Reference
from pilotfish.backend.decoder.call import STEPS_WITH_LOGITS
from pilotfish.backend.decoder.decoder import (
    DecodeError,
    Decoder,
    InvalidRow,
    ModelFolderError,
    Outcome,
    Row,
    Step,
)
from pilotfish.backend.decoder.generator import threads_for

GENERATOR = np.random.default_rng(3)
PROMPTS = [GENERATOR.integers(0, END, length).tolist() for length in (1, 2, 3, 17, 40, 41, 56, 100, 100, 200)]
LONG = PROMPTS[-1]


@pytest.fixture(scope="module")
def decoder(tiny_model: Path) -> Iterator[Decoder]:
    """Without a cache."""
    made = Decoder(tiny_model, device="cpu", slots=2)
    yield made
    made.close()


def row(prompt: Sequence[int], **fields: Any) -> Row:
    return Row(prompt, **{"temperature": 0.0, "start_id": END, "end_id": END, **fields})


def run(
    decoder: Decoder,
    *rows: Row,
    emit: Callable[[int, Step], bool] = lambda _index, _step: False,
    cancelled: Callable[[int], bool] = lambda _index: False,
) -> tuple[list[list[Step]], list[Outcome]]:
    """All rows' steps, and how they ended."""
    steps: list[list[Step]] = [[] for _ in rows]

    def collect(index: int, step: Step) -> bool:
        steps[index].append(step)
        return emit(index, step)

    return steps, decoder.decode(rows, collect, cancelled=cancelled)


def tokens(steps: Sequence[Step]) -> list[int]:
    return [step.token for step in steps]


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


def test_a_kept_beginning_changes_no_token(tiny_model: Path, reference: Reference) -> None:
    """It only says how much was not read again."""
    decoder = Decoder(tiny_model, device="cpu", prefix_cache=1)
    try:
        cached = []
        for length in (190, 191, 192, 193):
            (steps,), (outcome,) = run(decoder, row(LONG[:length], max_tokens=8))
            assert tokens(steps) == reference.greedy(LONG[:length], 8)
            cached.append(outcome.cached_tokens)
        assert cached == [0, 0, 160, 160]
        many, outcomes = run(decoder, *[row(LONG[:193], max_tokens=8, end_id=end) for end in (END, END, 298)])
        assert [tokens(each) for each in many] == [reference.greedy(LONG[:193], 8)] * 3
        assert [outcome.cached_tokens for outcome in outcomes] == [160] * 3
        parted = [*LONG[:100], *reversed(LONG[:93])]
        beside, _ = run(decoder, row(LONG[:193], max_tokens=8), row(parted, max_tokens=8))
        assert [tokens(each) for each in beside] == [
            reference.greedy(each, 8) for each in (LONG[:193], parted)
        ]
    finally:
        decoder.close()


def test_a_prompt_that_is_read_again_for_steering_is_kept(tiny_model: Path) -> None:
    """From the first restart on, which the next row gains from too."""
    decoder = Decoder(tiny_model, device="cpu", prefix_cache=1)
    try:
        (steps,), outcomes = run(decoder, row(LONG, max_tokens=8, logit_bias={17: 100.0}))
        assert (tokens(steps), outcomes) == ([17] * 8, [Outcome("length", 8)])
        assert run(decoder, row(LONG, max_tokens=1))[1] == [Outcome("length", 1, cached_tokens=192)]
    finally:
        decoder.close()


def test_a_row_of_no_tokens_warms_the_cache(tiny_model: Path, decoder: Decoder) -> None:
    """Without a cache it does nothing at all."""
    assert run(decoder, row(LONG, max_tokens=0)) == ([[]], [Outcome("length", 0)])
    warmed = Decoder(tiny_model, device="cpu", prefix_cache=1)
    try:
        assert run(warmed, row(LONG, max_tokens=0)) == ([[]], [Outcome("length", 0)])
        _, outcomes = run(warmed, row(LONG, max_tokens=1))
        assert outcomes == [Outcome("length", 1, cached_tokens=192)]
    finally:
        warmed.close()


def test_a_full_cache_is_emptied_when_nothing_runs(tiny_model: Path, reference: Reference) -> None:
    """The model is read again; calls in between wait and are answered right."""
    clock = itertools.count(0.0, 1000.0)
    decoder = Decoder(tiny_model, device="cpu", prefix_cache=1, clock=lambda: next(clock))  # of 1024 tokens
    try:
        kept = []
        for start in range(12):
            prompt = [(start * 7 + place) % END for place in range(200)]
            for _ in range(3):
                (steps,), (outcome,) = run(decoder, row(prompt, max_tokens=2))
                assert tokens(steps) == reference.greedy(prompt, 2)
            kept.append(outcome.cached_tokens)
        # The sixth does not fit any more; it is kept after the emptying that it asked for.
        assert kept.count(192) >= 10
    finally:
        decoder.close()


def test_a_cache_is_not_emptied_all_the_time(tiny_model: Path) -> None:
    """A large model takes long to read: then what does not fit is read anew, as without a cache."""
    decoder = Decoder(tiny_model, device="cpu", prefix_cache=1, clock=lambda: 0.0)
    try:
        kept = []
        for start in range(8):
            prompt = [(start * 7 + place) % END for place in range(200)]
            for _ in range(3):
                _, (outcome,) = run(decoder, row(prompt, max_tokens=2))
            kept.append(outcome.cached_tokens)
        assert kept == [192] * 5 + [0] * 3
    finally:
        decoder.close()


def test_a_model_that_was_replaced_is_not_taken_in_by_the_way(
    tiny_model: Path, tmp_path: Path, reference: Reference
) -> None:
    """Emptying the cache must not change the weights under running requests: then nothing more is kept."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.bin", "config.json", "vocabulary.json"):
        (folder / name).write_bytes((tiny_model / name).read_bytes())
    clock = itertools.count(0.0, 1000.0)
    decoder = Decoder(folder, device="cpu", prefix_cache=1, clock=lambda: next(clock))
    try:
        (folder / "model.bin").unlink()
        for start in range(8):
            prompt = [(start * 7 + place) % END for place in range(200)]
            for _ in range(2):
                (steps,), _ = run(decoder, row(prompt, max_tokens=2))
                assert tokens(steps) == reference.greedy(prompt, 2)
    finally:
        decoder.close()


def test_as_many_calls_run_at_once_as_there_are_slots(decoder: Decoder) -> None:
    """A third one waits until one of the two has ended, and only then is asked whether it is still wanted."""
    lock = threading.Lock()
    asked, ended, most = 0, 0, 0
    both = threading.Barrier(2, timeout=20)

    def call(number: int) -> None:
        steps = itertools.count()

        def cancelled(_index: int) -> bool:
            nonlocal asked, most
            with lock:
                asked += 1
                most = max(most, asked - ended)
            return False

        def emit(_index: int, step: Step) -> bool:
            nonlocal ended
            if next(steps) == 0:
                both.wait()  # two at a time get here, or nobody
            with lock:
                ended += step.last
            return False

        decoder.decode([row(PROMPTS[3 + number], max_tokens=5)], emit, cancelled=cancelled)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(call, range(4)))
    assert (most, asked, ended) == (2, 4, 4)


def test_who_hangs_up_while_waiting_is_never_started(decoder: Decoder) -> None:
    """Nor is a steered row started again."""
    assert run(decoder, row(LONG), cancelled=lambda _: True) == ([[]], [Outcome("cancelled", 0)])
    asked = iter([False, True])
    (steps,), outcomes = run(decoder, row(LONG, logit_bias={17: 100.0}), cancelled=lambda _: next(asked))
    assert (tokens(steps), outcomes) == ([17], [Outcome("cancelled", 1)])


def test_what_the_caller_raises_comes_back_to_it(decoder: Decoder) -> None:
    """Out of CTranslate2's thread, where it would end the process; the decoder goes on."""
    asked: list[int] = []

    def fail(index: int, _step: Step) -> bool:
        asked.append(index)
        raise LookupError("mine")

    for rows in ([row(LONG)] * 3, [row(LONG, logprobs=1)] * 2):
        with pytest.raises(LookupError, match="mine"):
            decoder.decode(rows, fail)
    assert len(asked) == 2, "the other rows went on"
    assert run(decoder, row(LONG, max_tokens=1))[1] == [Outcome("length", 1)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", [ROWS]),
        ("prompt", [-1]),
        ("max_tokens", -1),
        ("temperature", float("nan")),
        ("top_k", -1),
        ("top_p", 1.01),
        ("repetition_penalty", 0.0),
        ("presence_penalty", float("inf")),
        ("logit_bias", {ROWS: 1.0}),
        ("logit_bias", {1: float("nan")}),
        ("stop_words", [[]]),
        ("bad_words", [[ROWS]]),
        ("logprobs", ROWS + 1),
    ],
)
def test_a_wrong_row_is_refused_before_anything_is_generated(
    decoder: Decoder, field: str, value: Any
) -> None:
    """The message names the field."""

    def emit(_index: int, _step: Step) -> bool:
        raise AssertionError("a token was generated")

    with pytest.raises(InvalidRow, match=field):
        run(decoder, row(LONG), replace(row(LONG), **{field: value}), emit=emit)


def test_closing_ends_what_runs_at_its_next_token(tiny_model: Path) -> None:
    """And refuses what comes; twice is as good as once."""
    decoder = Decoder(tiny_model, device="cpu")
    begun, going = threading.Event(), threading.Event()

    def emit(_index: int, _step: Step) -> bool:
        begun.set()
        going.wait(20)
        return False

    with ThreadPoolExecutor(2) as pool:
        call = pool.submit(decoder.decode, [row(LONG, max_tokens=200)], emit)
        assert begun.wait(20)
        closing = pool.submit(decoder.close)
        deadline = time.monotonic() + 20
        while not decoder._closed and time.monotonic() < deadline:
            time.sleep(0.001)
        going.set()
        closing.result(20)
        assert call.result(20) == [Outcome("cancelled", 1)]
    with pytest.raises(DecodeError, match="closed"):
        run(decoder, row(LONG))
    decoder.close()


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    """Before CTranslate2 is asked."""
    with pytest.raises(ModelFolderError, match=str(tmp_path)):
        Decoder(tmp_path)


def test_a_device_that_is_not_there_is_said(tiny_model: Path) -> None:
    """In CTranslate2's words, with the folder before them."""
    with pytest.raises(DecodeError, match=f"{tiny_model} can't be loaded"):
        Decoder(tiny_model, device="abacus")


@pytest.mark.parametrize(
    ("slots", "cores", "threads"), [(1, 2, 2), (4, 2, 2), (1, 16, 16), (4, 16, 4), (2, 32, 16), (8, 16, 4)]
)
def test_a_slot_gets_the_threads_that_help(slots: int, cores: int, threads: int) -> None:
    """Never more than there are, and four where there are."""
    assert threads_for(slots, cores) == threads
