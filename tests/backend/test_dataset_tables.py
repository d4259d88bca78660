"""Rows of .csv, .txt, .json and .jsonl files, and what a source is taken for."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pilotfish.backend.finetune.dataset import hub_rows, tables
from pilotfish.backend.finetune.dataset.examine import Item
from pilotfish.backend.finetune.dataset.options import DatasetError, DatasetOptions
from pilotfish.backend.finetune.dataset.sources import Kind, items_of, recognised
from pilotfish.backend.finetune.dataset.tables import rows_of
from pilotfish.backend.finetune.dataset.walk import Left

ROWS = [{"text": f"größe = {number}\n'🚀'\n", "path": f"{number}.py"} for number in range(3000)]


def texts(file: Path, column: str = "text") -> list[Any]:
    return [row.get(column) for row in rows_of(file, column)]


@pytest.mark.parametrize("form", ["lines", "list", "spread list"])
def test_json_is_read_line_by_line_or_as_one_list(tmp_path: Path, form: str) -> None:
    """What transformers' trainer takes, and a list however it is laid out; larger than what is read at once."""
    file = tmp_path / "rows.json"
    match form:
        case "lines":
            file.write_text("\ufeff" + "\n\n".join(map(json.dumps, ROWS)) + "\n", "utf-8")
        case "list":
            file.write_text(json.dumps(ROWS, ensure_ascii=False), "utf-8")
        case _:
            file.write_text("\n " + json.dumps(ROWS, indent=3), "utf-8")
    assert list(rows_of(file, "text")) == ROWS


def test_csv_has_quotes_and_line_ends_in_fields(tmp_path: Path) -> None:
    """A field may be a whole file."""
    file = tmp_path / "rows.csv"
    file.write_text('\ufeffpath,code\r\na.py,"x = ""1""\r\ny = 2\r\n"\r\nb.py,z\r\n', "utf-8", newline="")
    assert texts(file, "code") == ['x = "1"\r\ny = 2\r\n', "z"]


def test_a_running_text_is_cut_at_line_ends(tmp_path: Path) -> None:
    """No line is torn and nothing is lost, and the parts are many, so that some can be held out."""
    text = "".join(f"line {number}\n" for number in range(20_000))
    file = tmp_path / "all.txt"
    file.write_text(text)
    parts = texts(file)
    assert "".join(parts) == text
    assert len(parts) > 5
    assert all(part.endswith("\n") for part in parts)


def test_a_line_without_an_end_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is one line, however long, comes in parts."""
    monkeypatch.setattr(tables, "LONGEST", 1000)
    file = tmp_path / "all.txt"
    file.write_text("x" * 200_000)
    parts = texts(file)
    assert "".join(parts) == "x" * 200_000
    assert max(map(len, parts)) < 20_000


def test_a_table_without_a_head_is_not_shown_whole(tmp_path: Path) -> None:
    """What stands where names should is shortened: it may be anything."""
    file = tmp_path / "rows.csv"
    file.write_text("Tr0ub4dor3x" * 900 + ",b" * 900 + "\n")
    with pytest.raises(DatasetError, match="has no column 'text'") as refused:
        texts(file)
    assert len(str(refused.value)) < 500 + len(str(file))


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.txt"])
def test_bytes_that_are_no_utf8_do_not_end_the_table(tmp_path: Path, name: str) -> None:
    """They come as what Python makes of them, so that the one row can be left out."""
    file = tmp_path / name
    content = {"rows.csv": b"text\ncaf\xe9\n", "rows.json": b'{"text": "caf\xe9"}\n', "rows.txt": b"caf\xe9"}
    file.write_bytes(content[name])
    assert texts(file) == ["caf\udce9"]


def test_a_later_row_may_lack_its_text(tmp_path: Path) -> None:
    """Only the first says what columns there are; the others are counted as rows without text."""
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a"}\n{"code": "b"}\n{"text": "c"}\n')
    assert texts(file) == ["a", None, "c"]


def test_a_field_that_is_no_row_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a quote is never closed."""
    monkeypatch.setattr(tables, "LONGEST", 1000)
    file = tmp_path / "rows.csv"
    file.write_text("text\na\n" + '"' + "x" * 2000 + "\n")
    with pytest.raises(DatasetError, match=r"rows\.csv, line \d: field larger"):
        texts(file)


def test_the_only_split_is_read() -> None:
    """Whatever it is called; of several, the one for training; none of several others is a guess."""
    columns = SimpleNamespace(column_names=["text"])
    assert hub_rows._checked("a/b", {"test": columns}, "text") is columns
    assert hub_rows._checked("a/b", {"test": object(), "train": columns}, "text") is columns
    with pytest.raises(DatasetError, match="has no split 'train', but test, other"):
        hub_rows._checked("a/b", {"test": columns, "other": columns}, "text")


WRONG = {
    "no-column.csv": ("path,code\na,b\n", "no column 'text', but path, code"),
    "no-column.jsonl": ('{"code": "x"}\n', "no column 'text', but code"),
    "broken.jsonl": ('{"text": "x"}\n{"text": \n', "line 2: no JSON"),
    "cut.json": ('[{"text": "x"}, {"te', "object 2: no JSON"),
    "open.json": ('[{"text": "x"}', "object 1: no JSON"),
    "deep.jsonl": ("[" * 100_000 + "\n", "no JSON"),
    "words.jsonl": ('"just words"\n', "line 1: not an object"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_named_with_the_place(tmp_path: Path, name: str) -> None:
    """Which file, where in it, and what is missing."""
    content, message = WRONG[name]
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(DatasetError, match=message) as refused:
        list(rows_of(file, "text"))
    assert name in str(refused.value)


def test_what_rows_say_of_themselves(tmp_path: Path) -> None:
    """Columns under the names that data sets of code have; what can't be a path or a text is not taken for one."""
    rows = [
        {"content": "a", "max_stars_repo_path": "/src/a.py", "max_stars_repo_name": "o/r", "license": "MIT"},
        {"content": "b", "path": "..\\..\\b.py", "repo": "x\ny", "max_stars_repo_licenses": ["MIT", "ISC"]},
        {"content": None, "path": "c.py"},
        {"content": {"no": "text"}},
        {"content": "d", "path": "web/node_modules/d.js"},
        {"content": "e", "path": "web/e.min.js"},
    ]
    file = tmp_path / "some.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = recognised(str(file))
    items = list(items_of(source, DatasetOptions(text_column="content"), frozenset()))
    assert [(each.path, each.repo, each.licence) for each in items if isinstance(each, Item)] == [
        ("src/a.py", "o/r", "MIT"),
        ("", "some", "ISC OR MIT"),
    ]
    reasons = [each.reason for each in items if isinstance(each, Left)]
    assert reasons == ["no-text", "no-text", "vendored", "minified"]


def test_what_a_source_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder goes before a data set of its name; a file must be a table; what looks like a path must be there."""
    (tmp_path / "team" / "app").mkdir(parents=True)
    (tmp_path / "rows.csv").write_text("text\n")
    (tmp_path / "main.py").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert recognised("team/app").kind == Kind.FOLDER
    assert recognised("rows.csv").kind == Kind.TABLE
    assert recognised("other/app").kind == recognised("other/app:python").kind == Kind.HUB
    (tmp_path / "team" / "dead").symlink_to("nowhere")
    with pytest.raises(DatasetError, match="team/dead: there is no such folder or file"):
        recognised("team/dead")
    with pytest.raises(DatasetError, match=r"main\.py: a single file must be a table"):
        recognised("main.py")
    for name in (
        "/nowhere/at/all",
        "./nowhere",
        "rows.jsonl",
        "a/b/c",
        "~x",
        "ledgr",
        "team/ap",
        "team/ap:x",
    ):
        with pytest.raises(DatasetError, match="no such folder or file"):
            recognised(name)
