"""A folder appears whole or not at all, and what was there stays until then."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pilotfish.backend.converter import exchange
from pilotfish.backend.converter.manifest import NAME
from pilotfish.backend.converter.problems import ConvertError
from pilotfish.backend.converter.staging import Stopped, staged


def write(out: Path, content: str | BaseException = "new", *, force: bool = False) -> None:
    """A whole folder, or one that something comes in between of."""
    with staged(out, force=force) as stage:
        stage.write_text(NAME, "{}")
        if isinstance(content, BaseException):
            raise content
        stage.write_text("deep/file", content)


def content(out: Path) -> str:
    return (out / "deep/file").read_text()


def beside(out: Path) -> list[str]:
    """All that is in the folder's folder."""
    return sorted(path.name for path in out.parent.iterdir())


def test_every_file_is_hashed_on_the_way(tmp_path: Path) -> None:
    """Size and hash of what was written, in however many pieces."""
    heard: list[int] = []
    (tmp_path / "source").write_bytes(b"abc" * 1000)
    with staged(tmp_path / "out", force=False, advance=heard.append) as stage:
        with stage.open("a/b") as file:
            file.write(b"one")
            file.write(memoryview(b"two"))
        stage.copy(tmp_path / "source", "c")
    assert (tmp_path / "out/a/b").read_bytes() == b"onetwo"
    entry = stage.files["a/b"]
    assert (entry.bytes, entry.sha256) == (6, hashlib.sha256(b"onetwo").hexdigest())
    assert stage.files["c"].bytes == 3000
    assert sum(heard) == 3006


def test_nothing_is_there_before_all_is(tmp_path: Path) -> None:
    """And nothing is left beside it afterwards."""
    out = tmp_path / "new" / "out"
    with staged(out, force=False) as stage:
        stage.write_text("file", "")
        assert not out.exists()
    assert beside(out) == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(error: type[BaseException], tmp_path: Path) -> None:
    """However it came; with force as well, what was there is as it was."""
    write(out := tmp_path / "out", "old")
    for place in (tmp_path / "other", out):
        with pytest.raises(error):
            write(place, error(), force=True)
    assert beside(out) == ["out"]
    assert content(out) == "old"


def test_only_a_repository_is_replaced_and_only_by_force(tmp_path: Path) -> None:
    """Somebody's other folder never is: a slip in --out must not cost it."""
    write(out := tmp_path / "out", "old")
    with pytest.raises(ConvertError, match="--force"):
        write(out)
    assert content(out) == "old"
    write(out, force=True)
    assert content(out) == "new"
    (other := tmp_path / "photos").mkdir()
    (other / "cat.jpg").write_text("")
    (file := tmp_path / "file").write_text("")
    for place in (other, file):
        with pytest.raises(ConvertError, match="was not made by a conversion"):
            write(place, force=True)
    assert beside(out) == ["file", "out", "photos"]


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    """Such as a mount point's, which was made for this."""
    (tmp_path / "out").mkdir()
    write(tmp_path / "out")
    assert content(tmp_path / "out") == "new"


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    """By the next run for the same place, also if that is refused."""
    for _ in range(2):
        (left := tmp_path / ".out.unfinished").mkdir()
        (left / "deep").mkdir()
        (left / "deep/file").write_text("half")
        (left / "link").symlink_to(tmp_path)
        if (tmp_path / "out").exists():
            with pytest.raises(ConvertError):
                write(tmp_path / "out")
        else:
            write(tmp_path / "out")
        assert beside(tmp_path / "out") == ["out"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["deep", NAME]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """What another process does while it writes."""
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
    os.close(descriptor)


@pytest.mark.parametrize("folder", [".out.unfinished", "out"])
def test_two_runs_do_not_write_the_same_place(folder: str, tmp_path: Path) -> None:
    """The second is refused, while the first one writes or is clearing away what it replaced."""
    write(out := tmp_path / "out", "old")
    with held(tmp_path / folder), pytest.raises(ConvertError, match="Another conversion"):
        write(out, force=True)
    assert content(out) == "old"
    write(out, force=True)
    assert content(out) == "new"


def test_writers_can_be_stopped(tmp_path: Path) -> None:
    """Other threads end with their next block when one has failed."""
    with staged(tmp_path / "out", force=False) as stage, stage.open("file") as file:
        file.write(b"one")
        stage.stop()
        with pytest.raises(Stopped):
            file.write(b"two")


def test_what_the_disk_refuses_is_explained(tmp_path: Path) -> None:
    """An error of the system names the file, and is one of ours."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConvertError, match="can't be written: Not a directory"):
        write(tmp_path / "file" / "out")


def test_two_folders_swap_names(tmp_path: Path) -> None:
    """In one step, where the system can; there is no moment without either."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    assert exchange.swap(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one" / "other").exists()
    assert (tmp_path / "other" / "one").exists()
    assert not exchange.swap(tmp_path / "one", tmp_path / "absent")


def test_a_swap_in_two_steps_that_was_killed_is_settled(tmp_path: Path) -> None:
    """Between the steps the old folder stands aside: it comes back, or goes if the new one has its place."""
    place, aside = tmp_path / "out", tmp_path / ".out.replaced"
    write(aside, "old")
    exchange.settle(place)
    assert content(place) == "old"
    write(aside, "older")
    exchange.settle(place)
    assert content(place) == "old"
    assert beside(place) == ["out"]
    place.rename(aside)
    with pytest.raises(ConvertError, match="--force"):  # a run settles before it looks
        write(place)
    assert beside(place) == ["out"]
