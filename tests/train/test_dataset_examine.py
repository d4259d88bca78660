"""What is made of one file or row, and the numbers of a data set that was built of them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from backend.dataset_trees import sources, write
from pilotfish.backend.finetune.dataset.build import build
from pilotfish.backend.finetune.dataset.examine import Item, examine
from pilotfish.backend.finetune.dataset.options import DatasetOptions
from pilotfish.backend.models.progress import Silent


def test_a_file_that_has_grown_since_it_was_found_is_too_large(tmp_path: Path) -> None:
    """No more of it is read than may be; one of just the size is taken."""
    file = tmp_path / "a.py"
    file.write_text("x" * 10)
    item = Item("a.py", file=str(file))
    assert examine(item, 10).reason is None
    assert examine(item, 9).reason == "too-large"


@pytest.mark.parametrize("made", ["link", "pipe", "folder", "nothing"])
def test_what_stands_there_instead_of_a_file_is_not_read(tmp_path: Path, made: str) -> None:
    """Somebody may put it there after the file was found: a link would lead out, a pipe would wait for ever."""
    place, outside = tmp_path / "a.py", tmp_path / "outside.py"
    outside.write_text("x = 1\n")
    match made:
        case "link":
            place.symlink_to(outside)
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
    assert examine(Item("a.py", file=str(place)), 100).reason == "unreadable"


def test_rows_are_held_to_what_files_are() -> None:
    """Bytes that were no UTF-8, a NUL; half a character of a JSON becomes one that can be written."""
    assert examine(Item(text="caf\udce9"), 100).reason == "not-utf8"
    assert examine(Item(text="a\0b"), 100).reason == "binary"
    assert json.loads(examine(Item(text="a = '\ud83d'\r\n"), 100).row)["text"] == "a = '\ufffd'\n"


def test_equal_but_for_blank_ends_is_equal() -> None:
    """Empty lines before and after a text, and its header, make it no other."""
    one, other, third = (
        examine(Item(path, text=text), 100).digest
        for path, text in (("a.py", "x = 1\n"), ("b.py", "\nx = 1\n\n"), ("a.py", "x = 2\n"))
    )
    assert one == other != third


def built(root: Path, **options: Any) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The report, and the rows of both parts."""
    out = root / "data"
    build(DatasetOptions(sources=(str(root / "src"),), out=out, force=True, **options), Silent())
    parts = {
        name: [json.loads(line) for line in (out / f"{name}.jsonl").read_text("utf-8").splitlines()]
        for name in ("train", "validation")
    }
    return json.loads((out / "report.json").read_text("utf-8")), parts


def test_the_report_is_of_what_was_written(tmp_path: Path) -> None:
    """Files and bytes of each part, and of what they are: repositories, licences and suffixes in whatever case."""
    names = [f"m{number}" for number in range(12)]
    texts = sources(*names)
    files = {
        name.replace(".py", ".PY" if at % 2 else ".py"): text for at, (name, text) in enumerate(texts.items())
    }
    write(tmp_path / "src", files)
    write(tmp_path / "src", {"Makefile": "# SPDX-License-Identifier: MIT\nall:\n\techo\n"})
    report, parts = built(tmp_path, validation=0.3, seed=4)
    assert parts["train"]
    assert parts["validation"]
    for name, rows in parts.items():
        sizes = [(tmp_path / "src" / row["path"]).stat().st_size for row in rows]
        assert report[name] == {"files": len(rows), "bytes": sum(sizes)}
    assert report["repositories"] == {"src": 13}
    assert report["licences"] == {"unknown": 12, "MIT": 1}
    assert report["suffixes"] == {".py": 12, "(none)": 1}
    assert (report["settings"]["seed"], report["settings"]["validation"]) == (4, 0.3)


def test_another_seed_is_another_split(tmp_path: Path) -> None:
    """Of the same files."""
    write(tmp_path / "src", sources(*(f"m{number}" for number in range(30))))
    held_out = [
        {row["path"] for row in built(tmp_path, validation=0.4, seed=seed)[1]["validation"]}
        for seed in (1, 2)
    ]
    assert held_out[0] != held_out[1]


def test_rows_without_a_path_are_split_too(tmp_path: Path) -> None:
    """By what is in them: they are not all on one side."""
    rows = [{"text": text} for text in sources(*(f"m{number}" for number in range(20))).values()]
    table = tmp_path / "rows.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "data"
    report = build(DatasetOptions(sources=(str(table),), out=out, validation=0.5), Silent())
    assert report.train.files > 3
    assert report.validation.files > 3
