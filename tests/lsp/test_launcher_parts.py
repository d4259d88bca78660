"""The launcher's small parts: environment, restarts, state files, logs, the program, processes."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import pytest

from harness.waiting import until
from pilotfish.lsp import program
from pilotfish.lsp.catalogue import CatalogueModel, list_models, parse_models
from pilotfish.lsp.child_environment import clean_environment, safe_path
from pilotfish.lsp.launcher_errors import LocalEngineMissing
from pilotfish.lsp.local_log import MAX_BYTES, prepare_log, tail
from pilotfish.lsp.processes import Detached, command_line, end, is_running
from pilotfish.lsp.restarts import History
from pilotfish.lsp.secret import Secret
from pilotfish.lsp.statefile import Places, Record, read_record, write_private

# -- environment -------------------------------------------------------------------------------------------------------


def test_what_could_run_a_workspaces_code_is_dropped() -> None:
    """Python's own variables but for the harmless, our key, and what of PATH is relative or in the workspace."""
    cleaned = clean_environment(
        {
            "HOME": "/home/ada",
            "HTTPS_PROXY": "http://proxy:1",
            "PYTHONPATH": "/w",
            "PYTHONHOME": "/w",
            "PYTHONWARNINGS": "error::evil.Warning",
            "PYTHONBREAKPOINT": "evil.run",
            "PYTHONUTF8": "1",
            "PILOTFISH_BACKEND_API_KEY": "k",
            "PATH": "/w/bin:/usr/bin::.:bin:/w:/window/bin:/bin",
        },
        workspace=PurePosixPath("/w"),
    )
    assert cleaned == {
        "HOME": "/home/ada",
        "HTTPS_PROXY": "http://proxy:1",
        "PYTHONUTF8": "1",
        "PYTHONSAFEPATH": "1",
        "PATH": "/usr/bin:/window/bin:/bin",
    }


def test_without_a_workspace_only_relative_entries_go() -> None:
    """PATH is kept in its order."""
    assert safe_path("/b:.:/a", None) == "/b:/a"
    assert safe_path("", None) == ""


# -- restarts ----------------------------------------------------------------------------------------------------------


def test_three_restarts_then_none() -> None:
    """Pauses grow with the crashes; the fourth ends it; after ten minutes they are forgotten."""
    history, now, pauses = History(), 1000.0, []
    for _ in range(4):
        assert not history.exhausted
        pauses.append(history.wait(now))
        history = history.crashed(now)
    assert pauses == [0.0, 0.5, 2.0, 8.0]
    assert history.exhausted
    assert History.of(history.crashes, now + 601) == History()


def test_a_pause_that_is_over_costs_nothing() -> None:
    """It counts from the last crash."""
    history = History((1000.0,))
    assert history.wait(1000.2) == pytest.approx(0.3)
    assert history.wait(1001) == 0


# -- state files -------------------------------------------------------------------------------------------------------

FIELDS = {"pid": 77, "port": 8012, "api_key": "k1", "instance_id": "i1", "model": "m", "version": "1.2"}


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """0600, as a whole, and its key shows up nowhere."""
    path = tmp_path / "x.json"
    write_private(path, FIELDS)
    record = read_record(path)
    assert record == Record(77, 8012, Secret("k1"), "i1", model="m", version="1.2")
    assert record.url == "http://127.0.0.1:8012"
    assert "k1" not in repr(record)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "change",
    [
        *({"pid": value} for value in (None, 0, 1, -5, "77", True, 7.5, 2**31)),
        *({"port": value} for value in (None, 0, 65536, "80")),
        *({"api_key": value} for value in (None, 3)),
        *({"instance_id": value} for value in (None, "", 3)),
    ],
)
def test_a_record_that_lacks_something_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    """Above all no pid that means a group of processes, and no empty instance id that anything would match."""
    write_private(tmp_path / "x", FIELDS | change)
    assert read_record(tmp_path / "x") is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """And no temporary one."""
    path = tmp_path / "x"
    write_private(path, FIELDS)
    with pytest.raises(TypeError):
        write_private(path, {"pid": object()})
    assert read_record(path) is not None
    assert list(tmp_path.iterdir()) == [path]


def test_each_model_has_files_of_its_own(tmp_path: Path) -> None:
    """Names that differ in odd characters only are kept apart, and none leaves the folder."""
    models = ["a/b", "a-b", "a b", "../../etc/passwd", "x" * 300, "/home/ada/m.gguf", "ä", "日本"]
    places = [Places.of(model, state=tmp_path, logs=tmp_path) for model in models]
    assert len({place.record for place in places}) == len(models)
    assert all(place.record.parent == place.log.parent == tmp_path for place in places)
    for place in places:
        write_private(place.record, {})


# -- logs --------------------------------------------------------------------------------------------------------------


def test_a_large_log_is_rotated(tmp_path: Path) -> None:
    """Two older ones are kept; a small one goes on."""
    log = tmp_path / "b.log"
    assert prepare_log(log) == 0
    for name in "abcd":
        log.write_text(name * (MAX_BYTES + 1))
        assert prepare_log(log) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.log.1", "b.log.2"]
    assert [(tmp_path / f"b.log.{number}").read_text()[0] for number in (1, 2)] == ["d", "c"]
    log.write_text("small")
    assert prepare_log(log) == 5


def test_the_tail_begins_where_the_start_began(tmp_path: Path) -> None:
    """A dozen lines and 2,000 bytes at most; bad bytes do not matter."""
    log = tmp_path / "b.log"
    assert tail(log, 0) == ""
    log.write_bytes(b"old\nnew \xff\n")
    assert tail(log, 4) == "new \ufffd"
    assert tail(log, 99) == ""
    log.write_text("\n".join(map(str, range(5000))))
    assert tail(log, 0).splitlines() == [str(number) for number in range(4988, 5000)]


# -- the program -------------------------------------------------------------------------------------------------------


def test_the_program_on_path_is_the_second_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is beside the interpreter, PATH is searched, but not the workspace."""
    for folder in ("workspace", "bin"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / program.PROGRAM).write_text("#!/bin/sh\n")
        (tmp_path / folder / program.PROGRAM).chmod(0o755)
    environ = {"PATH": f"{tmp_path}/workspace:{tmp_path}/bin"}
    assert Path(program.find_program(environ, workspace=None)[0]).parent == Path(sys.executable).parent
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing" / "python"))
    found = program.find_program(environ, workspace=tmp_path / "workspace")
    assert found == (str(tmp_path / "bin" / program.PROGRAM),)
    assert not program.is_beside_us(found)
    with pytest.raises(LocalEngineMissing, match=r"-m pip install 'pilotfish\[local\]'"):
        program.find_program({"PATH": str(tmp_path / "workspace")}, workspace=tmp_path / "workspace")


def test_the_default_model_has_a_name() -> None:
    """So that asking for it by name or by default means the same backend."""
    assert program.resolve_model("") == program.DEFAULT_MODEL
    assert program.resolve_model("qwen2.5-coder-0.5b") == "qwen2.5-coder-0.5b"


# -- the catalogue -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_catalogue_is_read(wrapped: bool) -> None:
    """A list, or an object around it; what is odd is passed over."""
    entries = [
        {"name": "a", "size": 5, "licence": "MIT", "present": True, "family": "x"},
        {"name": "b", "size": "big", "licence": None},
        {"size": 3},
        "c",
    ]
    output = json.dumps({"models": entries} if wrapped else entries).encode()
    assert parse_models(output) == [
        CatalogueModel("a", present=True, size=5, licence="MIT"),
        CatalogueModel("b", present=False),
    ]


@pytest.mark.parametrize("output", [b"", b"{", b"3", b"null", b'{"models": 3}', b"[" * 10**5])
def test_an_odd_catalogue_is_empty(output: bytes) -> None:
    """The launcher does without."""
    assert parse_models(output) == []


async def test_a_program_that_does_not_answer_lists_nothing(tmp_path: Path) -> None:
    """In time, and it does not live on."""
    script = tmp_path / "script"
    script.write_text(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    )
    argv = [sys.executable, str(script)]
    assert await list_models(argv, env={}, cwd=tmp_path, timeout=1) == []
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert await list_models([str(tmp_path / "none")], env={}, cwd=tmp_path) == []


# -- processes ---------------------------------------------------------------------------------------------------------


async def test_a_detached_process_is_followed_to_its_end(tmp_path: Path) -> None:
    """Its exit status is taken, so that it does not count as running when it has ended."""
    argv = [sys.executable, "-c", "print(input()); raise SystemExit(7)"]
    child = Detached(argv, cwd=tmp_path, env={}, log=tmp_path / "log")
    assert is_running(child.pid)
    assert "SystemExit(7)" in await command_line(child.pid)
    assert child.exit_status is None
    child.send("hello")
    await until(lambda: child.exit_status == 7)
    assert not is_running(child.pid)
    assert await command_line(child.pid) == ""
    assert (tmp_path / "log").read_text() == "hello\n"
    child.kill()


async def test_a_line_for_a_process_that_has_ended_is_lost(tmp_path: Path) -> None:
    """Nothing is raised: its exit status tells what happened."""
    child = Detached([sys.executable, "-c", ""], cwd=tmp_path, env={}, log=tmp_path / "log")
    await until(lambda: child.exit_status == 0)
    child.send("nobody listens")


async def test_a_zombie_does_not_run(tmp_path: Path) -> None:
    """A child of another window that has ended, but was not waited for, is gone for us."""
    code = "import subprocess, sys; p = subprocess.Popen(['true']); print(p.pid, flush=True); input()"
    script = tmp_path / "parent.py"
    script.write_text(code)
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await until(lambda: not is_running(pid))
    os.kill(pid, 0)  # the kernel still knows it
    await parent.communicate(b"\n")


async def test_ending_is_polite_first(tmp_path: Path) -> None:
    """SIGTERM, then SIGKILL when the patience is over; a process that is not there is ended already."""
    polite = Detached([sys.executable, "-c", "input()"], cwd=tmp_path, env={}, log=tmp_path / "log")
    assert await end(polite.pid, patience=5)
    await until(lambda: polite.exit_status == -signal.SIGTERM)
    polite.close_input()
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); input()"
    deaf = Detached([sys.executable, "-c", code], cwd=tmp_path, env={}, log=tmp_path / "log")
    await until(lambda: "deaf" in (tmp_path / "log").read_text())
    begin = time.monotonic()
    assert await end(deaf.pid, patience=0.2)
    assert 0.2 <= time.monotonic() - begin < 2
    await until(lambda: deaf.exit_status == -signal.SIGKILL)
    deaf.close_input()
    assert await end(deaf.pid, patience=0.2)
