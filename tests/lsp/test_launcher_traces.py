"""What the launcher believes of the files that it finds, and what it does when they lie."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.local_backend import LocalBackends, kill
from pilotfish.lsp.launcher_errors import (
    LauncherError,
)
from pilotfish.lsp.processes import is_running

# -- traces that lie ---------------------------------------------------------------------------------------------------


async def leave_record(backends: LocalBackends, **changes: object) -> Path:
    """Leave a record as a killed backend would, with some fields changed."""
    found = await backends.launcher().ensure()
    path = backends.trace("json")
    fields = json.loads(path.read_text()) | changes
    kill(found.pid)
    path.write_text(json.dumps(fields))
    return path


@pytest.fixture
def stranger() -> Iterator[int]:
    """The pid of a program that has nothing to do with us."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid


async def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(
    backends: LocalBackends, stranger: int
) -> None:
    """The recorded pid belongs to another program: it is neither used nor ended, not even by stop."""
    path = await leave_record(backends, pid=stranger)
    found = await backends.launcher().ensure()
    assert found.pid == backends.running[0] != stranger
    record = path.read_text()
    kill(found.pid)
    path.write_text(record.replace(str(found.pid), str(stranger)))
    assert not await backends.launcher().stop()
    assert is_running(stranger)


async def test_a_port_that_is_somebody_elses_by_now_is_not_used(backends: LocalBackends) -> None:
    """What answers there has another instance id: our text and key do not go there again, nor is it ended."""
    other = await backends.launcher(model="other").ensure()
    await leave_port(backends, other.url)
    found = await backends.launcher().ensure()
    assert found.url != other.url
    assert is_running(other.pid)


async def leave_port(backends: LocalBackends, url: str) -> None:
    """Leave a record for the model `tiny` that names another backend's pid and port."""
    found = await backends.launcher().ensure()
    (path,) = (path for path in backends.state.glob("tiny-*.json"))
    (other,) = (path for path in backends.state.glob("other-*.json"))
    kill(found.pid)
    fields = json.loads(path.read_text()) | {
        name: value for name, value in json.loads(other.read_text()).items() if name in {"pid", "port"}
    }
    assert str(fields["port"]) in url
    path.write_text(json.dumps(fields))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "\x00" * 100, "[" * 10**5, '{"pid": "x"}'),
        '{"pid": 1, "port": 1, "api_key": "k", "instance_id": "i"}',
        '{"pid": -1, "port": 80, "api_key": "k", "instance_id": "i"}',
        '{"pid": 99999999999999999999, "port": 80, "api_key": "k", "instance_id": "i"}',
    ],
    ids=range(10),
)
async def test_a_corrupt_record_is_replaced(backends: LocalBackends, text: str) -> None:
    """Whatever stands in the file, the next start goes on."""
    path = await leave_record(backends)
    path.write_text(text)
    found = await backends.launcher().ensure()
    assert backends.running == [found.pid]
    assert json.loads(path.read_text())["pid"] == found.pid


async def test_a_record_that_others_could_have_written_is_not_believed(backends: LocalBackends) -> None:
    """A file that is open to others might lead our text to them."""
    first = await backends.launcher().ensure()
    backends.trace("json").chmod(0o644)
    second = await backends.launcher().ensure()
    assert second.pid != first.pid


async def test_a_backend_that_hangs_is_replaced(backends: LocalBackends) -> None:
    """It proves by its command line that it is ours, gets some time to answer, and is ended."""
    found = await backends.launcher().ensure()
    os.kill(found.pid, signal.SIGSTOP)
    assert (await backends.launcher().status()).state == "hanging"
    again = await backends.launcher(stop_timeout=0.3, patience=0.3).ensure()
    assert backends.running == [again.pid]
    assert again.pid != found.pid


async def test_a_backend_that_is_stopped_for_a_moment_is_kept(backends: LocalBackends) -> None:
    """A machine under load is no reason to start another."""
    found = await backends.launcher().ensure()
    os.kill(found.pid, signal.SIGSTOP)
    task = asyncio.create_task(backends.launcher().ensure())
    await asyncio.sleep(0.5)
    os.kill(found.pid, signal.SIGCONT)
    assert (await task).pid == found.pid
    assert len(backends.starts) == 1


async def test_an_older_version_is_replaced_and_a_newer_one_is_not(backends: LocalBackends) -> None:
    """So that windows of two versions do not take turns."""
    backends.behave(version="0.0.9")
    older = await backends.launcher().ensure()
    backends.behave(version="999.1")
    newer = await backends.launcher().ensure()
    assert newer.pid != older.pid
    assert backends.running == [newer.pid]
    assert (await backends.launcher().ensure()).pid == newer.pid


async def test_a_folder_that_can_not_be_written_is_named(backends: LocalBackends) -> None:
    """The message says where."""
    blocked = backends.folder / "file"
    blocked.write_text("")
    with pytest.raises(LauncherError, match=f"can't be managed.*{blocked}"):
        await backends.launcher(state=blocked / "state").ensure()
    with pytest.raises(LauncherError, match=f"can't be managed.*{blocked}"):
        await backends.launcher(logs=blocked / "logs").ensure()
    for action in ("stop", "start", "restart"):
        with pytest.raises(LauncherError):
            await getattr(backends.launcher(state=blocked / "state"), action)()
    assert backends.starts == []


async def test_a_lock_file_that_is_left_behind_does_not_block(backends: LocalBackends) -> None:
    """Only a living holder counts."""
    await backends.launcher().ensure()
    kill(backends.running[0])
    assert backends.trace("lock").exists()
    assert await backends.launcher().ensure()
