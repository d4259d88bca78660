"""Which beginnings of prompts are kept."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pilotfish.backend.decoder.prefixes import BLOCK, LEAST, NO_CUT, Cut, Prefixes, common_length

FILE = list(range(1000, 2000))


def test_nothing_is_kept_without_a_budget() -> None:
    """Every prompt is read whole."""
    prefixes = Prefixes(0)
    assert [prefixes.cut(FILE), prefixes.cut(FILE)] == [NO_CUT, NO_CUT]


def test_a_beginning_is_kept_when_a_second_prompt_shares_it() -> None:
    """The first reading costs nothing extra, the second one keeps, the third one gains; whole blocks only."""
    prefixes = Prefixes(10_000)
    assert prefixes.cut(FILE[:500]) == NO_CUT
    assert prefixes.cut([*FILE[:500], 1]) == Cut(480, keep=True)
    assert prefixes.cut([*FILE[:500], 1, 2]) == Cut(480, kept=True, keep=True)
    assert prefixes.used == 480


def test_the_whole_prompt_again_leaves_one_token() -> None:
    """The model needs something to go on from."""
    prefixes = Prefixes(10_000)
    prompt = FILE[: 4 * BLOCK]
    prefixes.cut(prompt)
    assert prefixes.cut(prompt).length == 3 * BLOCK
    assert prefixes.cut(prompt, again=True).length == 3 * BLOCK


def test_one_that_comes_again_is_kept_at_once() -> None:
    """As for a row that is started over, or a prompt that is read in advance."""
    assert Prefixes(10_000).cut(FILE[:500], again=True) == Cut(480, keep=True)


def test_short_beginnings_are_not_worth_it() -> None:
    """Below LEAST nothing is kept."""
    prefixes = Prefixes(10_000)
    short = FILE[: LEAST - 1]
    assert [prefixes.cut([*short, token]) for token in range(3)] == [NO_CUT] * 3


def test_a_longer_one_is_kept_when_a_quarter_is_gained() -> None:
    """Typing on, the kept beginning grows in steps, not with every block."""
    prefixes = Prefixes(10**6)
    cuts = [prefixes.cut(FILE[:length]) for length in range(300, 1000, 10)]
    lengths = sorted({cut.length for cut in cuts if cut.keep and not cut.kept})
    assert lengths[0] == 288
    assert all(longer >= shorter * 4 / 3 for shorter, longer in itertools.pairwise(lengths))
    assert 950 - cuts[-1].length <= 950 // 4 + BLOCK


def test_an_edit_further_up_uses_what_is_before_it() -> None:
    """A beginning that no longer is one is not used."""
    prefixes = Prefixes(10_000)
    for token in (1, 2):
        prefixes.cut([*FILE[:800], token])
    edited = [*FILE[:300], 5, *FILE[301:800]]
    assert prefixes.cut(edited) == Cut(288, keep=True)
    assert prefixes.cut([*edited, 3]).length > 700


def test_the_budget_holds_and_says_when_it_is_full() -> None:
    """Beyond it nothing more is kept, what is kept stays in use, and emptying is asked for."""
    prefixes = Prefixes(1000)
    for start in (0, 10_000):
        for token in (1, 2):
            last = prefixes.cut([*range(start, start + 600), token])
    assert last == NO_CUT
    assert prefixes.used == 576
    assert prefixes.crowded
    assert prefixes.cut([*range(600), 3]).kept
    prefixes.forget()
    assert not prefixes.crowded
    assert prefixes.cut([*range(10_000, 10_600), 3]) == Cut(576, keep=True)


def test_what_can_never_fit_asks_for_nothing() -> None:
    """Emptying would not help."""
    prefixes = Prefixes(100)
    for token in (1, 2):
        assert prefixes.cut([*FILE[:600], token]) == NO_CUT
    assert not prefixes.crowded


@given(st.lists(st.lists(st.integers(0, 2), max_size=300), max_size=20), st.integers(0, 500))
def test_a_cut_is_always_a_shared_beginning_within_the_budget(prompts: list[list[int]], budget: int) -> None:
    """Whatever prompts come."""
    prefixes = Prefixes(budget)
    seen: list[list[int]] = []
    for prompt in prompts:
        cut = prefixes.cut(prompt)
        assert cut.length == 0 or cut.length < len(prompt)
        assert cut.length <= max((common_length(prompt, other) for other in seen), default=0)
        assert prefixes.used <= budget
        seen.append(prompt)
