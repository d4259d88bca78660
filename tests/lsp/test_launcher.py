"""The managed local backend: real processes, started, shared and stopped, and nothing of the workspace in them."""

import asyncio
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.local_backend import PROGRAM, LocalBackends, kill, window_process
from harness.waiting import until
from pilotfish.lsp.launcher import Launcher, Recipe
from pilotfish.lsp.launcher_errors import (
    ModelMissing,
    PullFailed,
    StoppedByUser,
    UnknownModel,
)
from pilotfish.lsp.processes import is_running
from pilotfish.lsp.pull import percent_in, pull_model

KEY_LENGTH = 43


# -- a start that goes well --------------------------------------------------------------------------------------------


async def test_a_backend_is_started_and_used_again(backends: LocalBackends) -> None:
    """The first window starts it, the next finds it."""
    first = await backends.launcher().ensure()
    again = await backends.launcher().ensure()
    assert first == again
    assert first.url.startswith("http://127.0.0.1:")
    assert (first.model, first.version) == ("tiny", "999.0")
    assert backends.running == [first.pid]


async def test_the_program_is_called_as_agreed(backends: LocalBackends) -> None:
    """Loopback, any port, the key on standard input and nowhere else, detached, in the state folder."""
    found = await backends.launcher(idle_timeout=90).ensure()
    (start,) = backends.starts
    assert start["argv"] == [
        "serve",
        *("--host", "127.0.0.1", "--port", "0", "--api-key-stdin", "--model", "tiny", "--idle-timeout", "90"),
        *("--state-file", str(backends.trace("json")), "--log-file", str(backends.launcher().log_path)),
    ]
    key = found.api_key.reveal()
    assert start["key"] == key
    assert len(key) == KEY_LENGTH
    assert key not in repr(found)
    assert not any(key in text for text in (*start["argv"], *start["environ"].values()))
    assert start["cwd"] == str(backends.state)
    assert os.getsid(found.pid) == found.pid != os.getsid(0)


async def test_traces_are_the_users_own(backends: LocalBackends) -> None:
    """State files and log can be read by nobody else, and a start leaves no note behind."""
    await backends.launcher().ensure()
    files = [path for path in (*backends.state.iterdir(), backends.launcher().log_path) if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".lock", ".log"}
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in files)


async def test_progress_is_told(backends: LocalBackends) -> None:
    """Starting, loading: each once."""
    backends.behave(loading=0.5)
    lines: list[str] = []
    found = await backends.launcher().ensure(lines.append)
    assert lines == ["starting the local backend", "loading the model"]
    assert found.health.state == "ready"


async def test_another_model_is_another_backend(backends: LocalBackends) -> None:
    """One backend per model."""
    tiny = await backends.launcher().ensure()
    other = await backends.launcher(model="other").ensure()
    assert tiny.pid != other.pid
    assert await backends.launcher(model="other").stop()
    assert backends.running == [tiny.pid]


async def test_windows_that_start_at_once_start_one(backends: LocalBackends) -> None:
    """Four processes at the same time: one backend, the same for all."""
    backends.behave(before_listening=0.3, loading=0.3)
    windows = [window_process(backends) for _ in range(4)]
    pids = {process.communicate(timeout=30)[0].strip() for process in windows}
    assert len(backends.starts) == 1
    assert pids == {str(backends.starts[0]["pid"])}


async def test_two_starts_in_one_process_start_one(backends: LocalBackends) -> None:
    """The lock holds between tasks too."""
    found = await asyncio.gather(*(backends.launcher().ensure() for _ in range(3)))
    assert len({backend.pid for backend in found}) == len(backends.starts) == 1


async def test_the_backend_outlives_the_window(backends: LocalBackends) -> None:
    """The window that started it ends; the next finds it."""
    with window_process(backends) as process:
        pid = int(process.communicate(timeout=20)[0])
    assert (await backends.launcher().ensure()).pid == pid


# -- stop, restart, status ---------------------------------------------------------------------------------------------


async def test_a_stop_is_remembered_until_someone_says_start(backends: LocalBackends) -> None:
    """No window starts it by itself after that; an explicit start does, and then all find it."""
    first = await backends.launcher().ensure()
    assert await backends.launcher().stop()
    assert not is_running(first.pid)
    for _ in range(2):
        with pytest.raises(StoppedByUser):
            await backends.launcher().ensure()
    assert (await backends.launcher().status()).state == "stopped"
    assert not await backends.launcher().stop()
    second = await backends.launcher().start()
    assert (await backends.launcher().ensure()).pid == second.pid != first.pid


async def test_a_window_notices_what_others_start_and_stop(backends: LocalBackends) -> None:
    """Without asking anybody over the network."""
    here = backends.launcher()
    assert not here.seems_to_run()
    found = await backends.launcher().ensure()
    assert here.seems_to_run()
    await backends.launcher().stop()
    assert not here.seems_to_run()
    await backends.launcher().start()
    assert here.seems_to_run()
    kill(backends.running[0])
    assert not here.seems_to_run()
    assert found.pid not in backends.running


async def test_a_stop_ends_a_start_that_is_under_way(backends: LocalBackends) -> None:
    """Whoever waits for a slow start learns that the user does not want it."""
    backends.behave(before_listening=30)
    start = asyncio.create_task(backends.launcher().ensure())
    await until(lambda: backends.trace("starting").exists() and bool(backends.starts))
    async with asyncio.timeout(5):
        await backends.launcher().stop()
        with pytest.raises(StoppedByUser):
            await start
    assert backends.running == []


async def test_a_stop_ends_a_load_that_is_under_way(backends: LocalBackends) -> None:
    """The same while the model loads."""
    backends.behave(loading=30)
    start = asyncio.create_task(backends.launcher().ensure())
    await until(lambda: backends.trace("json").exists())
    assert await backends.launcher().stop()
    with pytest.raises(StoppedByUser):
        await start
    assert backends.running == []


async def test_a_backend_that_does_not_want_to_end_is_made_to(backends: LocalBackends) -> None:
    """SIGKILL after the deadline; stop returns when it is gone."""
    backends.behave(ignores_sigterm=True)
    found = await backends.launcher().ensure()
    begin = time.monotonic()
    assert await backends.launcher(stop_timeout=0.3).stop()
    assert not is_running(found.pid)
    assert 0.3 <= time.monotonic() - begin < 2


async def test_a_restart_is_another_process(backends: LocalBackends) -> None:
    """And no stop: other windows may start it meanwhile."""
    first = await backends.launcher().ensure()
    second = await backends.launcher().restart()
    assert backends.running == [second.pid]
    assert second.pid != first.pid
    assert not backends.trace("stopped").exists()


async def test_status_tells_what_there_is(backends: LocalBackends) -> None:
    """Off, loading, ready, crashed, stopped; asking changes nothing."""
    launcher = backends.launcher()

    async def state() -> str:
        return (await launcher.status()).state

    assert await state() == "off"
    backends.behave(loading=1)
    task = asyncio.create_task(launcher.ensure())
    await until(lambda: backends.trace("json").exists())
    assert await state() == "loading"
    found = await task
    status = await launcher.status()
    assert (status.state, status.backend) == ("ready", found)
    kill(found.pid)
    assert await state() == "crashed"
    assert backends.trace("json").exists()


# -- models ------------------------------------------------------------------------------------------------------------


async def test_a_missing_model_is_told_with_size_and_licence(backends: LocalBackends) -> None:
    """So that the user can be asked; it is no crash."""
    model = {"name": "tiny", "size": 98_000_000, "licence": "Apache-2.0", "present": False}
    backends.behave(exit_at_start=2, models=[model])
    for _ in range(5):
        with pytest.raises(ModelMissing, match="pilotfish-backend pull tiny") as caught:
            await backends.launcher().ensure()
    assert (caught.value.name, caught.value.size, caught.value.licence) == ("tiny", 98_000_000, "Apache-2.0")


async def test_an_unknown_model_lists_the_known(backends: LocalBackends) -> None:
    """By the names that backend.model takes."""
    backends.behave(exit_at_start=2, models=[{"name": "small", "present": True}])
    with pytest.raises(UnknownModel, match="no model tiny; there are small"):
        await backends.launcher().ensure()


async def test_the_engine_follows_from_the_model(backends: LocalBackends) -> None:
    """A GGUF file is llama.cpp's, a folder with a converted model CTranslate2's."""
    gguf = backends.folder / "m.gguf"
    gguf.touch()
    converted = backends.folder / "converted"
    converted.mkdir()
    (converted / "model.bin").touch()
    await backends.launcher(model=str(gguf)).ensure()
    await backends.launcher(model=str(converted)).ensure()
    assert [start["argv"][start["argv"].index("--engine") + 1] for start in backends.starts] == [
        "llama",
        "ctranslate2",
    ]
    for missing in ("none.gguf", str(backends.folder / "none.gguf"), "~/none"):
        with pytest.raises(UnknownModel, match="no file or folder"):
            backends.launcher(model=missing)


async def test_a_model_is_pulled_with_progress(backends: LocalBackends) -> None:
    """Lines end as terminals have them."""
    backends.behave(pull_lines=["looking\n", "10%\r 55.5 %\r100%\n", "done"])
    lines: list[str] = []
    await pull_model(backends.launcher(), "tiny", lines.append)
    assert lines == ["looking", "10%", "55.5 %", "100%", "done"]
    assert [percent_in(line) for line in lines] == [None, 10, 55, 100, None]
    assert backends.starts[-1]["pull"] == ["tiny", "--yes"]


async def test_a_pull_that_fails_says_why(backends: LocalBackends) -> None:
    """With the last lines that are no progress."""
    backends.behave(pull_lines=["10%\r", "no space left\n"], pull_status=1)
    with pytest.raises(PullFailed, match=r"(?s)tiny could not be downloaded.no space left$"):
        await pull_model(backends.launcher(), "tiny", lambda _: None)
    with pytest.raises(PullFailed, match="can't be run"):
        await pull_model(backends.launcher(command=(str(backends.folder / "none"),)), "tiny", lambda _: None)


async def test_cancelling_a_pull_ends_it(backends: LocalBackends) -> None:
    """Its process is gone soon after."""
    backends.behave(pull_seconds=60)
    task = asyncio.create_task(pull_model(backends.launcher(), "tiny", lambda _: None))
    await until(lambda: bool(backends.running))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert backends.running == []


# -- the workspace -----------------------------------------------------------------------------------------------------


def test_nothing_in_the_workspace_runs_in_the_backend(backends: LocalBackends) -> None:
    """A window whose folder, PYTHONPATH and PATH are full of traps starts a clean backend."""
    workspace = backends.folder / "workspace"
    workspace.mkdir()
    trap = f"open({str(backends.folder / 'sprung')!r}, 'a').write(__name__)\n"
    for name in (
        "logging",
        "asyncio",
        "sitecustomize",
        "usercustomize",
        "json",
        "http",
        "argparse",
        "uvicorn",
    ):
        (workspace / f"{name}.py").write_text(trap)
    for name in ("backend", "lsp", "pilotfish"):
        (workspace / name).mkdir()
        (workspace / name / "__init__.py").write_text(trap)
    program = workspace / "pilotfish-backend"
    program.write_text(f"#!/bin/sh\ntouch {backends.folder / 'sprung'}\n")
    program.chmod(0o755)
    code = f"""
import asyncio, sys
from pathlib import Path
from pilotfish.lsp.launcher import Launcher, Recipe
environ = {{"PATH": "{workspace}:.::/usr/bin:/bin", "PYTHONPATH": "{workspace}", "PYTHONHOME": "{workspace}",
    "PYTHONSTARTUP": "{workspace}/json.py", "PYTHONINSPECT": "1", "PYTHONUSERBASE": "{workspace}",
    "HOME": "/nonexistent", "PYTHONWARNINGS": "error::argparse.X", "PYTHONUTF8": "1"}}
recipe = Recipe(model="tiny", environ=environ, workspace=Path("{workspace}"), state=Path("{backends.state}"),
    logs=Path("{backends.folder}/logs"), command={backends.command!r})
print(asyncio.run(Launcher(recipe).ensure()).pid)
"""
    subprocess.run([sys.executable, "-P", "-c", code], cwd=workspace, check=True, timeout=60)
    (start,) = backends.starts
    assert not (backends.folder / "sprung").exists()
    assert not any(str(workspace) in entry for entry in start["path"])
    assert not any((file or "").startswith(str(workspace)) for file in start["modules"])
    assert start["environ"]["PATH"] == "/usr/bin:/bin"
    assert {name for name in start["environ"] if name.startswith("PYTHON")} == {
        "PYTHONSAFEPATH",
        "PYTHONUTF8",
    }
    assert start["cwd"] == str(backends.state)


def test_the_real_program_is_found_beside_the_interpreter(tmp_path: Path) -> None:
    """Never in the workspace, whatever PATH says; it answers with traps all around it."""
    (tmp_path / "logging.py").write_text("raise SystemExit(99)")
    launcher = Launcher(
        Recipe(
            environ={"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
            workspace=tmp_path,
            state=tmp_path / "state",
            logs=tmp_path / "logs",
        )
    )
    used = launcher.program()
    assert used.command == (str(Path(sys.executable).parent / "pilotfish-backend"),)
    argv = [*used.command, "--version"]
    output = subprocess.check_output(argv, env=used.environment, cwd=tmp_path, text=True, timeout=30)
    assert output.split()[0] == "pilotfish-backend"


def test_the_stand_in_is_where_it_is_looked_for() -> None:
    """A moved file would make every other test here fail obscurely."""
    assert PROGRAM.is_file()
