"""Calls of the decoder: side by side, refused, hung up on and closed."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.decoder.decoding import LONG, PROMPTS, row, run, tokens
from harness.tiny_ct2 import ROWS
from pilotfish.backend.decoder.decoder import (
    DecodeError,
    Decoder,
    InvalidRow,
    ModelFolderError,
    Outcome,
    Step,
)
from pilotfish.backend.decoder.generator import threads_for


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
