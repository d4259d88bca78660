"""The managed local backend when processes end at any stage, its own and the editors'."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from harness.local_backend import LocalBackends, kill, kill_window, window_process
from harness.waiting import until
from pilotfish.lsp.launcher_errors import (
    CrashLoop,
    StartFailed,
)
from pilotfish.lsp.processes import Detached

# -- crashes -----------------------------------------------------------------------------------------------------------


async def test_a_crash_is_restarted_three_times_and_then_no_more(backends: LocalBackends) -> None:
    """After pauses; the fourth crash within ten minutes is told with the log's path; start begins anew."""
    launcher = backends.launcher(back_off=(0.4, 0.1))
    pauses = []
    for _ in range(4):
        begin = time.monotonic()
        found = await launcher.ensure()
        pauses.append(time.monotonic() - begin)
        kill(found.pid)
    for _ in range(2):
        with pytest.raises(CrashLoop, match=r"4 times.*\.log") as caught:
            await launcher.ensure()
    assert caught.value.log == backends.launcher().log_path
    assert len(backends.starts) == 4
    assert pauses[1] >= 0.4
    assert (await backends.launcher().start()).pid == backends.running[0]


async def test_old_crashes_do_not_count(backends: LocalBackends) -> None:
    """Nor do those from a clock that was ahead."""
    (await backends.launcher().ensure())
    now = time.time()
    kill(backends.running[0])
    crashes = Path(str(backends.trace("json")).replace(".json", ".crashes"))
    crashes.write_text(json.dumps({"crashes": [now - 700, now - 800, now + 9999, now - 900, "x"]}))
    crashes.chmod(0o600)
    assert await backends.launcher().ensure()


async def test_a_clean_end_is_no_crash(backends: LocalBackends) -> None:
    """A backend that stopped by itself, idle, is started again without a pause and as often as needed."""
    for _ in range(5):
        found = await backends.launcher().ensure()
        os.kill(found.pid, signal.SIGTERM)
        await until(lambda: not backends.running)
    assert not backends.trace("crashes").exists()


async def test_a_start_that_fails_shows_the_logs_end(backends: LocalBackends) -> None:
    """And counts as a crash, so that nobody tries for ever."""
    backends.behave(exit_at_start=3)
    for _ in range(4):
        with pytest.raises(StartFailed, match=r"(?s)status 3.*\.log.*this is why it ended$"):
            await backends.launcher(back_off=(0.0,)).ensure()
    with pytest.raises(CrashLoop):
        await backends.launcher().ensure()
    assert len(backends.starts) == 4
    assert not backends.trace("starting").exists()


async def test_a_start_that_never_listens_is_given_up(backends: LocalBackends) -> None:
    """And its process ended."""
    backends.behave(before_listening=60)
    with pytest.raises(StartFailed, match=r"did not listen within 0\.5 s"):
        await backends.launcher(start_timeout=0.5).ensure()
    await until(lambda: not backends.running)


async def test_a_model_that_does_not_load_fails_the_start(backends: LocalBackends) -> None:
    """The program ends by itself; one crash is counted, by the window that started it."""
    backends.behave(loading=0.3, load_failure=True)
    with pytest.raises(StartFailed, match=r"ended (while it loaded the model|at its start)"):
        await backends.launcher().ensure()
    assert len(json.loads(backends.trace("crashes").read_text())["crashes"]) == 1


async def test_a_backend_that_keeps_failing_is_ended(backends: LocalBackends) -> None:
    """A start counts as failed when the engine gives no token for some seconds."""
    backends.behave(failing=True)
    with pytest.raises(StartFailed, match="is not ready: it is failing"):
        await backends.launcher(patience=0.3).ensure()
    assert backends.running == []


# -- kill -9 at each stage ---------------------------------------------------------------------------------------------


async def test_killed_before_the_child_has_its_key(backends: LocalBackends) -> None:
    """The child reads the end of its input instead, and ends; nothing is in the way of the next start."""
    backends.state.mkdir()
    argv = [*backends.command, "serve", "--api-key-stdin", "--state-file", str(backends.state / "x.json")]
    child = Detached(argv, cwd=backends.folder, env={}, log=backends.folder / "log")
    child.close_input()
    await until(lambda: child.exit_status is not None, seconds=10)
    assert child.exit_status == 2
    assert (await backends.launcher().ensure()).pid != child.pid


async def test_killed_while_the_child_starts(backends: LocalBackends) -> None:
    """The launcher dies before its child listens: the next window waits for that child and starts none."""
    backends.behave(before_listening=1)
    starter = window_process(backends)
    await until(lambda: bool(backends.starts), seconds=20)
    kill_window(starter)
    assert backends.trace("starting").exists()
    lines: list[str] = []
    found = await backends.launcher().ensure(lines.append)
    assert len(backends.starts) == 1
    assert found.pid == backends.starts[0]["pid"]
    assert "waiting for the backend that another window started" in lines
    assert not backends.trace("starting").exists()


async def test_killed_with_its_child_while_it_starts(backends: LocalBackends) -> None:
    """Both are gone: their note names nobody, their lock is free."""
    backends.behave(before_listening=30)
    starter = window_process(backends)
    await until(lambda: bool(backends.starts), seconds=20)
    kill_window(starter)
    kill(backends.starts[0]["pid"])
    backends.behave()
    begin = time.monotonic()
    assert (await backends.launcher().ensure()).pid == backends.starts[1]["pid"]
    assert time.monotonic() - begin < 3


async def test_killed_while_the_model_loads(backends: LocalBackends) -> None:
    """The launcher dies: the backend loads on and is used."""
    backends.behave(loading=2)
    starter = window_process(backends)
    await until(lambda: backends.trace("json").exists(), seconds=20)
    kill_window(starter)
    assert (await backends.launcher().ensure()).pid == backends.starts[0]["pid"]
    assert len(backends.starts) == 1


async def test_the_backend_is_killed_while_its_model_loads(backends: LocalBackends) -> None:
    """That start failed; the next begins anew and counts it once."""
    backends.behave(loading=20)
    start = asyncio.create_task(backends.launcher().ensure())
    await until(lambda: backends.trace("json").exists())
    await asyncio.sleep(0.2)
    kill(backends.starts[0]["pid"])
    with pytest.raises(StartFailed, match="ended while it loaded"):
        await start
    backends.behave()
    assert (await backends.launcher().ensure()).pid == backends.starts[1]["pid"]
    assert len(json.loads(backends.trace("crashes").read_text())["crashes"]) == 1


async def test_cancelling_a_start_lets_the_backend_come_up(backends: LocalBackends) -> None:
    """An editor that closes meanwhile leaves a backend that the next window uses."""
    backends.behave(before_listening=0.5)
    start = asyncio.create_task(backends.launcher().ensure())
    await until(lambda: bool(backends.starts))
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    assert (await backends.launcher().ensure()).pid == backends.starts[0]["pid"]
    assert len(backends.starts) == 1
