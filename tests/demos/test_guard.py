"""The guard that makes the demonstration a proof: what is trained on and what is asked for have nothing in common."""

import itertools
from dataclasses import replace

import pytest

from finetune.call_sites import SITES, CallSite
from finetune.guard import foreknown, leaks, own_names
from finetune.library import NAMES
from finetune.services import private_tree
from finetune.wording import WORDING

SITE = CallSite(
    "services/mill/grind.py",
    "plenkor",
    "def grind(corn):\n    # keep the old stones, somebody wants them\n    barn = open_depot(corn.field)\n    barn.",
)


def with_header(path: str, text: str) -> str:
    return f"# Path: {path}\n{text}"


@pytest.mark.parametrize("seed", range(2))
def test_the_call_sites_are_not_in_the_private_tree(seed: int) -> None:
    """Whatever the seed, no name and no saying of a call site is in what is trained on."""
    tree = private_tree(seed)
    assert leaks(SITES, (with_header(path, text) for path, text in tree.items())) == []
    assert not {site.path for site in SITES} & set(tree)


def test_the_call_sites_say_nothing_that_a_tree_could_say() -> None:
    """Not by luck of the seed: no wording of any method shares more than four words in a row with them."""
    possible = [
        f"{first} {second}"
        for words in WORDING.values()
        for deed in words.deeds
        for object_ in words.objects
        for reason in words.reasons
        for first, second in itertools.permutations((deed.format(object_), reason))
    ]
    assert leaks(SITES, possible) == []


def test_knows_the_names_of_a_call_site() -> None:
    """Function, parameter, variable, attribute and path; not the library's own."""
    assert own_names(SITE) == {"grind", "corn", "barn", "field", "mill"}


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ("def grind(x): ...", "the name grind"),
        ("x = corn", "the name corn"),
        ("barn = open_depot(x)", "the name barn"),
        ("x.field = 3", "the name field"),
        (with_header("services/mill/x.py", ""), "the name mill"),
        ("# the barn is full", "the name barn"),
        ("# Keep the old stones somebody", "words in a row"),
        ("# they keep the old stones", ""),
        ("# barns and cornfields, plenkor(), open_depot, services", ""),
    ],
)
def test_notices_what_is_in_both(training: str, said: str) -> None:
    """Names anywhere in the training data, comments and paths included, and more than four words in a row."""
    found = leaks([SITE], ["nothing of it", training])
    assert [said in line for line in found] == ([True] if said else [])


def test_notices_a_saying_in_whatever_case() -> None:
    """Comments may begin with a capital, in a call site as in the training data."""
    site = replace(SITE, text=SITE.text.replace("keep the old", "Keep The Old"))
    assert "words in a row" in "".join(leaks([site], ["# keep the OLD stones somebody"]))


def test_notices_a_call_site_that_was_trained_on() -> None:
    """A file of the tree put among the call sites does not pass."""
    path, text = next((path, text) for path, text in private_tree(0).items() if path.startswith("services/"))
    assert leaks([replace(SITE, path=path, text=text + "\n\nx.")], [with_header(path, text)])


def test_notices_what_the_base_knew() -> None:
    """A name of the library in public code, in any case, and as a part of another word."""
    assert foreknown(["nothing", f"class Un{NAMES[0].title()}s: ..."]) == [NAMES[0]]
    assert foreknown(["import json"]) == []
