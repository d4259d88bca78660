"""The numbers of a report, the options behind it, and the folder that it is written into."""

import argparse
import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.dataset_trees import write
from pilotfish.backend.finetune.dataset import reasons
from pilotfish.backend.finetune.dataset.arguments import add_dataset, asked_of
from pilotfish.backend.finetune.dataset.folder import staged
from pilotfish.backend.finetune.dataset.options import DatasetError, DatasetOptions
from pilotfish.backend.finetune.dataset.report import Report, report_lines


def test_every_reason_has_its_words() -> None:
    """What has none would be in no report."""
    named = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
    assert named == set(reasons.LABELS)


def test_a_report_counts() -> None:
    """Files and bytes for each reason, each secret's kind, and the places of secrets in the order of their names."""
    report = Report()
    report.drop("empty", 3)
    report.drop("empty", 4)
    for number in range(120, 0, -1):
        report.found_secret("app", f"{number:03}.py", 7, "Token")
    report.found_secret("app", "001.py", 7, "Key")
    plain = report.plain()
    assert plain["dropped"] == {"empty": {"files": 2, "bytes": 7}}
    assert plain["secrets"]["kinds"] == {"Key": 1, "Token": 120}
    assert len(plain["secrets"]["places"]) == 100
    assert plain["secrets"]["places"][0] == {"repo": "app", "path": "001.py", "line": 7, "kind": "Key"}
    lines = report_lines(report)
    assert [line for line in lines if line.startswith("secret:")][9:] == [
        "secret: app: 009.py, line 7: Token",
        "secret: 111 more; report.json names the first 100",
    ]
    assert "more;" not in "".join(report_lines(Report()))


def test_the_most_frequent_are_named() -> None:
    """Of many suffixes the first thirty, and how many files the others are."""
    report = Report()
    for number in range(1, 41):
        report.suffixes[f".s{number:02}"] = number
    found = report.plain()["suffixes"]
    assert list(found.items())[:2] == [(".s40", 40), (".s39", 39)]
    assert len(found) == 31
    assert found["(others)"] == sum(range(1, 11))
    assert "(others)" not in Report(suffixes=report.suffixes.__class__({".py": 2})).plain()["suffixes"]


LEAST = DatasetOptions(sources=("a", "b"), out=Path("set"), processes=3)


@pytest.mark.parametrize(
    ("typed", "setting"),
    [
        ([], {}),
        (["--validation", "0.25"], {"validation": 0.25}),
        (["--max-file-size", "9"], {"max_file_size": 9}),
        (["--text-column", "code"], {"text_column": "code"}),
        (["--seed", "5"], {"seed": 5}),
        (["--force"], {"force": True}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_option_is_its_setting(typed: list[str], setting: dict[str, Any]) -> None:
    """What is typed reaches the build; who says nothing gets the defaults of the options themselves."""
    parser = argparse.ArgumentParser()
    add_dataset(parser.add_subparsers())
    asked = parser.parse_args(["dataset", "build", "a", "b", "--out", "set", *typed])
    assert asked_of(asked, 3) == replace(LEAST, **setting)


def test_what_came_into_the_place_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """Hours may lie between the first look and the last."""
    out = tmp_path / "data"
    with pytest.raises(DatasetError, match=r"no data set of ours \(notes\.txt\)"), staged(out, force=True):
        write(out, {"notes.txt": "mine"})
    assert (out / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_rows_without_a_report_are_not_ours(tmp_path: Path) -> None:
    """A train.jsonl alone may be anybody's; not even --force replaces it."""
    (tmp_path / "train.jsonl").write_text("mine")
    with pytest.raises(DatasetError, match="no report"), staged(tmp_path, force=True):
        pass
    assert (tmp_path / "train.jsonl").read_text() == "mine"


def test_a_data_set_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    """Where two folders can't be swapped, a kill -9 may leave the old one beside its place."""
    aside = tmp_path / ".data.replaced"
    aside.mkdir()
    (aside / "report.json").write_text("old")
    with pytest.raises(DatasetError, match="--force"), staged(tmp_path / "data", force=False):
        pass
    assert (tmp_path / "data" / "report.json").read_text() == "old"


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """With the place that is full, and nothing is left there."""
    with (
        pytest.raises(DatasetError, match=rf"The disk of {tmp_path} is full"),
        staged(tmp_path / "data", force=False),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
