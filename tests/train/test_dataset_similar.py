"""Texts that are nearly the same: found whatever their order, dropped but for one, never on both sides."""

import itertools
import json
import random
import time
from pathlib import Path

from backend.dataset_trees import sources, write
from pilotfish.backend.finetune.dataset.build import build
from pilotfish.backend.finetune.dataset.options import DatasetOptions
from pilotfish.backend.finetune.dataset.similarity import SIGNATURE_BYTES, Similar, signature
from pilotfish.backend.models.progress import Silent

WORDS = [f"word{number}" for number in range(400)]


def text(seed: int, length: int = 1000) -> str:
    """Words at random."""
    chance = random.Random(seed)
    return " ".join(chance.choice(WORDS) for _ in range(length))


def changed(original: str, share: float, seed: int) -> str:
    """A text with a part of it replaced, in one place."""
    words = original.split()
    count = round(share * len(words))
    words[:count] = text(seed + 10_000, count).split()
    return " ".join(words)


def grouped(texts: list[str], order: list[int] | None = None) -> tuple[list[int], list[bool]]:
    similar = Similar()
    for each in texts:
        similar.add(signature(each))
    leaders, dropped = similar.groups(order or list(range(len(texts))), 0.85)
    return leaders.tolist(), dropped.tolist()


def test_close_texts_are_one_and_others_are_not() -> None:
    """One word in forty changed: the same text for us; a third changed: another one."""
    texts = [text(number) for number in range(50)]
    close = [changed(texts[number], 0.025, number) for number in range(20)]
    apart = [changed(texts[number], 0.33, number) for number in range(20, 40)]
    leaders, dropped = grouped([*texts, *close, *apart])
    assert leaders[:50] == list(range(50))
    assert leaders[50:70] == list(range(20))
    assert leaders[70:] == list(range(70, 90))
    assert [number for number, gone in enumerate(dropped) if gone] == list(range(50, 70))


def test_a_chain_is_one_group_of_which_the_ends_stay() -> None:
    """A is like B and B like C, A not like C: B goes, A and C stay and are on the same side of the split."""
    first = text(1, 600)
    words = first.split()
    middle = " ".join([*text(2, 40).split(), *words[40:]])
    last = " ".join([*text(2, 40).split(), *words[40:-40], *text(3, 40).split()])
    for order in itertools.permutations(range(3)):
        texts = [(first, middle, last)[number] for number in order]
        leaders, dropped = grouped(texts, [order.index(number) for number in range(3)])
        assert len(set(leaders)) == 1
        assert [order[place] for place, gone in enumerate(dropped) if gone] == [1]


def test_very_many_of_a_kind_take_no_time() -> None:
    """Files of boilerplate, of which one stays; what they are compared with does not grow with their number."""
    common = text(1, 300)
    alike = [signature(f"{common} end{number}") for number in range(500)]
    similar = Similar()
    for number in range(20_000):
        similar.add(alike[number % 500])
    begun = time.monotonic()
    leaders, dropped = similar.groups(range(20_000), 0.85)
    assert time.monotonic() - begun < 30
    assert set(leaders.tolist()) == {0}
    assert not dropped[0]
    assert dropped[1:].all()


def test_short_texts_are_not_compared() -> None:
    """Of a few words nothing can be told: they are the same only if they are equal."""
    assert signature("x = 1\n") == b""
    assert len(signature(text(1))) == SIGNATURE_BYTES
    leaders, dropped = grouped(["a = 1", "a = 2", "a = 1"])
    assert (leaders, dropped) == ([0, 1, 2], [False, False, False])


def test_no_group_is_on_both_sides(tmp_path: Path) -> None:
    """Chains of similar files, in folders that would be split otherwise: what is kept of one is on one side."""
    for number in range(30):
        words = text(number).split()
        for link in range(5):  # each differs from the next by a little, and the ends by too much
            words[link * 100 : link * 100 + 35] = text(1000 + number * 10 + link, 35).split()
            write(tmp_path / "src" / f"d{link}", {f"f{number}.py": "\n".join(words)})
    out = tmp_path / "data"
    report = build(DatasetOptions(sources=(str(tmp_path / "src"),), out=out, validation=0.4), Silent())
    sides = [
        {row["path"]: row["text"] for row in map(json.loads, (out / name).read_text().splitlines())}
        for name in ("train.jsonl", "validation.jsonl")
    ]
    assert min(map(len, sides)) > 10
    assert sum(map(len, sides)) > 45  # of most chains more than one stays
    assert report.train.files + report.validation.files + report.dropped["near-duplicate"].files == 150
    names = [{path.rpartition("/")[2] for path in side} for side in sides]
    assert not names[0] & names[1]


def test_a_build_keeps_the_first_by_name(tmp_path: Path) -> None:
    """Which of two files stays is settled by their names."""
    one = next(iter(sources("one").values()))
    write(tmp_path / "src", {"b/one.py": one, "a/one.py": one, "c/one.py": f"{one}\n\nX = 1\n"})
    build(DatasetOptions(sources=(str(tmp_path / "src"),), out=tmp_path / "data"), Silent())
    rows = (tmp_path / "data" / "train.jsonl").read_text().splitlines()
    assert [json.loads(row)["path"] for row in rows] == ["a/one.py"]
