"""The decoder's cache of prompt beginnings: what it saves, and that it changes no token."""

import itertools
from pathlib import Path

from backend.decoder.decoding import LONG, row, run, tokens
from harness.tiny_ct2 import END, Reference
from pilotfish.backend.decoder.decoder import (
    Decoder,
    Outcome,
)


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
