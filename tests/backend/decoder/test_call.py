"""What one call of the decoder asks of CTranslate2, seen on the way."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.tiny_ct2 import END
from pilotfish.backend.decoder.call import Call, LockedPrefixes
from pilotfish.backend.decoder.generator import Generator
from pilotfish.backend.decoder.prefixes import NO_CUT, Cut
from pilotfish.backend.decoder.rows import Outcome, Row

PROMPT = list(range(200))


class Recording(Generator):
    """Keeps the rows, the cut and the options of each call."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, device="cpu")
        self.calls: list[tuple[int, Cut, dict[str, Any]]] = []

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        on_step: Callable[[Any], bool],
        *,
        cut: Cut = NO_CUT,
        banned: Sequence[int] = (),
        **options: Any,
    ) -> None:
        self.calls.append((len(prompts), cut, options))
        super().generate(prompts, on_step, cut=cut, banned=banned, **options)

    def cuts(self) -> list[Cut]:
        """Of all calls."""
        return [cut for _, cut, _ in self.calls]


@pytest.fixture
def generator(tiny_model: Path) -> Iterator[Recording]:
    made = Recording(tiny_model)
    yield made
    made.free()


def run(generator: Generator, prefixes: LockedPrefixes, *rows: Row) -> list[Outcome]:
    return Call(generator, prefixes, rows, lambda _index, _step: False, lambda _index: False).run()


def row(**fields: Any) -> Row:
    return Row(PROMPT, **{"temperature": 0.0, "max_tokens": 4, "end_id": END, **fields})


def test_a_prompt_is_read_ahead_once(generator: Recording) -> None:
    """By a row of no tokens; what is kept is not read again."""
    prefixes = LockedPrefixes(10_000)
    run(generator, prefixes, row(max_tokens=0))
    assert generator.cuts() == [Cut(192, keep=True)]
    assert run(generator, prefixes, row(max_tokens=0)) == [Outcome("length", 0, cached_tokens=192)]
    assert len(generator.calls) == 1


def test_without_a_cache_a_row_of_no_tokens_costs_nothing(generator: Recording) -> None:
    """CTranslate2 is not asked at all."""
    run(generator, LockedPrefixes(0), row(max_tokens=0))
    assert generator.calls == []


def test_the_same_prompt_is_read_once_for_all_rows(generator: Recording) -> None:
    """Also where nothing is kept."""
    run(generator, LockedPrefixes(0), row(), row(), row())
    assert [(rows, cut) for rows, cut, _ in generator.calls] == [(3, Cut(199))]


def test_a_batch_uses_what_is_kept(generator: Recording) -> None:
    """And keeps what comes again, of what its prompts share."""
    prefixes = LockedPrefixes(10_000)
    for _ in range(3):
        run(generator, prefixes, row(), row())
    assert generator.cuts() == [Cut(199), Cut(192, keep=True), Cut(192, kept=True, keep=True)]


def test_a_steered_row_is_restarted_where_the_choices_part_and_only_there(generator: Recording) -> None:
    """A forced token costs a call each, a bias without effect none; from the first restart the prompt is kept."""
    run(generator, LockedPrefixes(10_000), row(logit_bias={17: 100.0}))
    kept = Cut(192, kept=True, keep=True)
    assert generator.cuts() == [NO_CUT, Cut(192, keep=True), kept, kept]
    generator.calls.clear()
    run(generator, LockedPrefixes(0), row(logit_bias={17: -100.0}))
    assert len(generator.calls) == 1


def test_logits_are_only_asked_for_where_they_are_used(generator: Recording) -> None:
    """They are copied at every step, and kept by CTranslate2 until its call ends."""
    run(generator, LockedPrefixes(0), row(), row(logprobs=0), row(logprobs=1))
    wanted = [
        (options.get("return_logits_vocab"), options.get("return_scores")) for *_, options in generator.calls
    ]
    assert sorted(wanted, key=str) == [(None, False), (None, True), (True, None)]
