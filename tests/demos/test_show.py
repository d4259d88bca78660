"""What stands between the demonstration and a proof: its guard, its copiers, and the status that it ends with."""

import io
import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from finetune.__main__ import conclude
from finetune.base import texts_of
from finetune.call_sites import SITES, CallSite
from finetune.commands import StageError, Stages
from finetune.library import NAMES, PACKAGE
from finetune.scoring import Outcome, is_right, score
from finetune.screen import Screen
from finetune.show import ORDERS, Recipe, Report, _check, _copied


def write_set(folder: Path, train: Sequence[str], validation: Sequence[str] = ()) -> Path:
    """A data set of these texts."""
    folder.mkdir(parents=True)
    for name, texts in (("train", train), ("validation", validation)):
        rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (folder / f"{name}.jsonl").write_text(rows, "utf-8")
    return folder


def outcomes(right: int) -> list[Outcome]:
    """After the training so many are right."""
    return [
        Outcome(site, after=f"{site.wanted}(x)" if number < right else "print(x)")
        for number, site in enumerate(SITES)
    ]


@pytest.mark.parametrize(("right", "status"), [(8, 0), (7, 1)])
def test_below_the_bar_the_status_is_not_0(tmp_path: Path, right: int, status: int) -> None:
    """And it is said, on the screen and in the file."""
    said, told = io.StringIO(), tmp_path / "told.json"
    found = outcomes(right)
    screen = Screen(Console(file=said, width=140))
    options = Namespace(json=told, svg=None)
    report = Report(found, score(found), 4)
    assert conclude(report, Recipe(), {"train the base": 1.0}, options, screen) == status
    assert ("below the bar: after: 7 right" in said.getvalue()) == bool(status)
    assert json.loads(told.read_text())["passed"] == (not status)


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("data", SITES[0].text, SITES[0].path),
        ("public", f"def un{NAMES[0]}(x): ...", f"the base's data holds the name {NAMES[0]}"),
        ("public", f"import {PACKAGE}", f"the base's data holds the name {PACKAGE}"),
    ],
)
def test_what_would_prove_nothing_is_not_shown(
    tmp_path: Path, part: str, kind: str, text: str, said: str
) -> None:
    """A call site in what is trained on, a name of the library in what the base has seen; in either part of it."""
    sets: dict[str, tuple[list[str], list[str]]] = {"data": (["x = 1\n"], []), "public": (["y = 2\n"], [])}
    for name, parts in sets.items():
        write_set(tmp_path / "clean" / name, *parts)
    _check(tmp_path / "clean")
    sets[kind][part == "validation"].append(text)
    for name, parts in sets.items():
        write_set(tmp_path / "spoilt" / name, *parts)
    with pytest.raises(StageError, match="would prove nothing") as found:
        _check(tmp_path / "spoilt")
    assert said in str(found.value)


def test_the_texts_of_a_set_are_those_of_both_parts(tmp_path: Path) -> None:
    """Nothing is trained on that guard and copiers do not see."""
    assert list(texts_of(write_set(tmp_path / "set", ["a", "b"], ["c"]))) == ["a", "b", "c"]


def test_the_copier_that_names_the_most_counts(tmp_path: Path) -> None:
    """Here one that looks further back than the 3-gram, which the more frequent line misleads."""
    lines = ["take the barn.drovish(x)\n"] * 5 + ["seven big old red barn.plenkor(x)\n"]
    data = write_set(tmp_path / "set", lines)
    site = CallSite("b.py", "plenkor", "seven big old red barn.")
    order, said = _copied(data, [site])
    assert order in ORDERS[1:]
    assert is_right(said[0], "plenkor")


def test_a_copier_is_given_the_path_too(tmp_path: Path) -> None:
    """As the language server's prompt has it, and as what it has learnt begins."""
    data = write_set(tmp_path / "set", ["# Path: a.py\nplenkor(x)\n", "y y y y y y y y y\n"])
    assert _copied(data, [CallSite("b.py", "plenkor", "")]) == (3, ["plenkor(x)"])


def test_a_command_that_fails_ends_the_demonstration(tmp_path: Path) -> None:
    """It is named, with its status and its last words."""
    stages = Stages(tmp_path / "log.txt", {"PATH": ""}, lambda _: None, lambda _: None)
    with pytest.raises(StageError, match=r"pilotfish-backend dataset ended with 2:\n(.|\n)*ACTION"):
        stages.run("private data", "dataset", "burn")
    assert list(stages.seconds) == ["private data"]
    assert "dataset burn" in (tmp_path / "log.txt").read_text()
