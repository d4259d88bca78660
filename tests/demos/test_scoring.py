"""What counts as right, and what as enough."""

import pytest

from finetune.call_sites import SITES, CallSite
from finetune.library import METHODS, NAMES
from finetune.scoring import Outcome, Score, is_right, named, score


@pytest.mark.parametrize(
    ("suggestion", "right"),
    [
        ("plenkor(order.sku, order.pieces)", True),
        ("plenkor (order.sku)", True),
        ("plenkor(", True),
        ("plenkor", False),
        ("plenkors(order.sku)", False),
        ("plenko(order.sku)", False),
        ("drovish(order.claim)", False),
        ("drovish(slip).plenkor(order.sku)", False),
        ("_plenkor(order.sku)", False),
        ("Plenkor(order.sku)", False),
        (".plenkor(order.sku)", False),
        (" plenkor(order.sku)", False),
        ("plenkor = 3", False),
        ("", False),
    ],
)
def test_only_a_call_of_the_wanted_name_is_right(suggestion: str, *, right: bool) -> None:
    """The name as a whole, at once, and called; a wrong name is wrong, whatever follows it."""
    assert is_right(suggestion, "plenkor") is right


def test_a_name_is_what_a_suggestion_begins_with() -> None:
    """As much of it as is one identifier."""
    assert [named(text) for text in ("a1_b(c)", "größe", "1a", "(a)", "")] == ["a1_b", "größe", "", "", ""]


def outcome(site: CallSite, *, before: str = "", after: str = "", copied: str = "") -> Outcome:
    return Outcome(site, before, after, copied)


def right(site: CallSite) -> str:
    return f"{site.wanted}(it)"


def test_counts_each_of_them() -> None:
    """Before, after and the copier are counted apart; names are counted once."""
    first, second = SITES[:2]
    counted = score(
        [
            outcome(first, before=right(first), after=right(first)),
            outcome(first, after=right(first), copied=right(first)),
            outcome(second, after=right(first), copied=right(second)),
        ]
    )
    assert counted == Score(sites=3, before=1, after=2, names=1, copied=2)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Score(10, before=1, after=8, names=8, copied=4), []),
        (Score(10, before=1, after=7, names=7, copied=4), ["after: 7", "7 different names"]),
        (Score(10, before=2, after=9, names=9, copied=0), ["before: 2"]),
        (Score(10, before=0, after=9, names=7, copied=0), ["7 different names"]),
        (Score(10, before=0, after=10, names=10, copied=5), ["the copier: 5"]),
    ],
)
def test_says_what_is_below_the_bar(found: Score, said: list[str]) -> None:
    """Each bar on its own, at its very edge."""
    assert len(found.failures) == len(said)
    assert all(failure.startswith(start) for failure, start in zip(found.failures, said, strict=True))


def test_call_sites_want_different_names() -> None:
    """Ten places, ten methods of the library, on objects that have them."""
    owners = {method.name: method.owner for method in METHODS}
    openers = {"Depot": "open_depot(", "Convoy": "join_convoy("}
    assert len(SITES) == len({site.wanted for site in SITES}) == 10
    for site in SITES:
        assert openers[owners[site.wanted]] in site.text
        assert site.line.endswith(".")
        assert not any(name in site.text + site.below for name in NAMES)
        compile(f"{site.text}{right(site)}{site.below}", site.path, "exec")
