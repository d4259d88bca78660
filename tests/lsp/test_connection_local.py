"""The connection to a local backend: started by itself or by hand, asked for, downloaded and stopped."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from harness.editor import INLINE
from harness.fake_teller import FakeTeller
from harness.fixtures import OpenEditor
from harness.local_backend import TINY, LocalBackends
from harness.lsp_client import RpcError
from harness.waiting import until
from harness.windows import Windows
from pilotfish.lsp.client import BackendError, BackendUnreachable
from pilotfish.lsp.connection import Connection
from pilotfish.lsp.launcher import Launcher, LocalBackend, Report
from pilotfish.lsp.launcher_errors import LauncherError
from pilotfish.lsp.local import DOWNLOAD, NOT_NOW, STATE_DIRECTORY
from pilotfish.lsp.settings import Settings

STARTING = "Pilotfish: starting the local backend"
DOWNLOADING = "Pilotfish: downloading tiny"


# -- local: started by itself, or not ----------------------------------------------------------------------------------


async def test_the_local_backend_is_started_and_asked(windows: Windows, backends: LocalBackends) -> None:
    """With its key; a second window finds it at once and shows no progress."""
    backends.behave(models=[TINY], loading=0.8)
    first = windows()
    await first.connection.start()
    assert await first.complete() == "completed()\n"
    # What came before the progress was shown is not listed there, except for its last line.
    assert first.teller.progresses[STARTING][-1] == ("loading the model", None)
    second = windows()
    await second.connection.start()
    assert await second.complete() == "completed()\n"
    assert second.teller.progresses == {}
    assert len(backends.starts) == 1
    assert first.teller.warnings == second.teller.warnings == []


async def test_autostart_off_starts_nothing_until_someone_does(
    windows: Windows, backends: LocalBackends
) -> None:
    """Not by itself; then by the command; and windows that were left off notice, as do those that open later."""
    patient, other = windows(autostart=False), windows(autostart=False)
    for window in (patient, other):
        await window.connection.start()
        await until(lambda window=window: window.teller.state == "off")  # type: ignore[misc]
    assert "backend.autostart" in patient.teller.states[-1][1]
    assert patient.teller.warnings == []
    assert backends.starts == []
    await other.connection.start_backend()
    await other.ready()
    await until(lambda: patient.teller.state == "ready")
    late = windows(autostart=False)
    await late.connection.start()
    await late.ready()
    assert len(backends.starts) == 1


async def test_a_stop_holds_for_all_windows_until_a_start(windows: Windows, backends: LocalBackends) -> None:
    """Stopped here: off there too, without a message, whatever they ask; started there: ready here."""
    here, there = windows(), windows()
    for window in (here, there):
        await window.connection.start()
        await window.ready()
    await here.connection.stop_backend()
    assert here.teller.states[-1] == ("off", "stopped")
    assert backends.running == []
    with pytest.raises(BackendError):
        await there.complete()
    await until(lambda: there.teller.state == "off")
    await there.connection.reconnect()
    await until(
        lambda: there.teller.state == "off" and "pilotfish.backend.start" in there.teller.states[-1][1]
    )
    assert backends.running == []
    assert here.teller.warnings == there.teller.warnings == []
    await there.connection.start_backend()
    await there.ready()
    await until(lambda: here.teller.state == "ready")
    assert len(backends.running) == 1


async def test_a_crash_is_restarted_without_a_word(windows: Windows, backends: LocalBackends) -> None:
    """The next key finds it gone, and those after that a new one."""
    window = windows()
    await window.connection.start()
    await window.ready()
    os.kill(backends.running[0], signal.SIGKILL)
    await until(lambda: not backends.running)
    with pytest.raises(BackendUnreachable):
        await window.complete()
    assert await window.complete() == "completed()\n"
    assert len(backends.starts) == 2
    assert window.teller.warnings == []


async def test_one_crash_too_many_is_told_once(windows: Windows, backends: LocalBackends) -> None:
    """With the log's path; it stays off however much the user types."""
    window = windows()
    await window.connection.start()
    for _ in range(4):
        await window.ready()
        os.kill(backends.running[0], signal.SIGKILL)
        await until(lambda: not backends.running)
        with pytest.raises(BackendError):
            await window.complete()
    await window.typing(lambda: bool(window.teller.warnings))
    with pytest.raises(TimeoutError):
        await window.typing(lambda: window.connection.link() is not None, seconds=1.5)
    (warning,) = window.teller.warnings
    assert str(window.connection.log_path) in warning
    assert len(backends.starts) == 4
    await window.connection.start_backend()
    assert await window.complete()


async def test_a_backend_that_hangs_is_replaced(windows: Windows, backends: LocalBackends) -> None:
    """A completion that times out, then a probe without an answer: it is ended and started again."""
    window = windows(timeout=0.5)
    await window.connection.start()
    await window.ready()
    os.kill(backends.running[0], signal.SIGSTOP)
    with pytest.raises(BackendError):
        await window.complete()
    await window.typing(lambda: len(backends.starts) == 2, seconds=20)
    assert await window.complete() == "completed()\n"


async def test_a_local_backend_that_is_well_in_name_only(windows: Windows, backends: LocalBackends) -> None:
    """It says healthy and answers 500: it is not asked with each key, and the user is told once."""
    backends.behave(models=[TINY], completions=500)
    window = windows()
    await window.connection.start()
    failures = 0

    def fails() -> bool:
        nonlocal failures
        if window.connection.link() is not None:
            failures += 1
            window.connection.failed(BackendUnreachable("the backend has an internal error (HTTP 500)"))
        return False

    with pytest.raises(TimeoutError):
        await until(fails, seconds=4)
    assert 1 <= failures <= 4
    assert len(window.teller.warnings) == 1
    assert len(backends.starts) == 1


async def test_what_keeps_failing_is_told_once_for_each_start(backends: LocalBackends) -> None:
    """A backend that seems to run and can't be had is tried again in silence; who says start hears of it again."""
    tries = 0

    class Unlucky(Launcher):
        def seems_to_run(self) -> bool:
            return True

        async def ensure(self, report: Report = lambda _: None) -> LocalBackend:
            del report
            nonlocal tries
            tries += 1
            raise LauncherError("it can't be ended")

    teller = FakeTeller()
    connection = Connection(Settings, teller, {STATE_DIRECTORY: str(backends.state)}, launch=Unlucky)
    await connection.start()
    await until(lambda: tries >= 3)
    assert teller.warnings == ["it can't be ended"]
    await connection.start_backend()
    await until(lambda: len(teller.warnings) == 2)
    await connection.aclose()


async def test_a_start_that_is_cancelled(windows: Windows, backends: LocalBackends) -> None:
    """Off, without a message, and not picked up again behind the user's back; a start command counts."""
    backends.behave(models=[TINY], before_listening=0.8)
    window = windows()
    window.teller.cancels = STARTING
    await window.connection.start()
    await until(lambda: window.teller.state == "off")
    await until(lambda: backends.trace("json").exists())
    await asyncio.sleep(1.5)
    assert window.teller.state == "off"
    assert window.teller.warnings == []
    window.teller.cancels = ""
    await window.connection.start_backend()
    await window.ready()


# -- local: a model that is not here ---------------------------------------------------------------------------------


async def test_a_missing_model_is_asked_for_and_no_means_no(
    windows: Windows, backends: LocalBackends
) -> None:
    """Name, size and licence in the question; declined: one message with the command, and no second question."""
    backends.behave(models=[TINY], pulled=True)
    window = windows()
    window.teller.answer = NOT_NOW
    await window.connection.start()
    await until(lambda: bool(window.teller.warnings))
    (question,) = window.teller.questions
    assert all(part in question for part in ("tiny", "98 MB", "Apache-2.0"))
    (warning,) = window.teller.warnings
    assert "pilotfish-backend pull tiny" in warning
    await window.connection.reconnect()
    await until(lambda: window.teller.states[-1] == ("off", warning))
    assert len(window.teller.questions) == 1
    assert window.teller.warnings == [warning]
    await window.connection.start_backend()
    await until(lambda: len(window.teller.questions) == 2)


async def test_a_missing_model_is_downloaded_after_a_yes(windows: Windows, backends: LocalBackends) -> None:
    """Under a progress with percentages; then the backend starts and serves."""
    backends.behave(models=[TINY], pulled=True, pull_lines=["tiny: 5 %\r", "tiny: 50 %\r", "done\n"])
    window = windows()
    window.teller.answer = DOWNLOAD
    await window.connection.start()
    assert await window.complete() == "completed()\n"
    assert window.teller.progresses[DOWNLOADING] == [
        *[("", 0), ("tiny: 5 %", 5), ("tiny: 50 %", 50), ("done", None)]
    ]
    assert len(window.teller.questions) == 1
    assert window.teller.warnings == []
    assert [start["pull"] for start in backends.starts if "pull" in start] == [["tiny", "--yes"]]


async def test_another_model_is_served_without_a_restart(windows: Windows, backends: LocalBackends) -> None:
    """Whoever chooses another model while one serves gets that one; it is pulled after a yes, if it is not here."""
    window = windows()
    await window.connection.start()
    assert (await window.ready()).model.id == "tiny"
    backends.behave(models=[TINY, {**TINY, "name": "large"}], pulled=True)
    window.set_backend(model="large")
    await window.connection.reconnect()
    await until(lambda: len(window.teller.questions) == 1 and window.connection._idle)
    assert "large" in window.teller.questions[0]
    assert window.teller.state == "error"
    window.teller.answer = DOWNLOAD
    window.set_backend(model="tiny")
    await window.connection.reconnect()
    assert (await window.ready()).model.id == "tiny"
    window.set_backend(model="large")
    await window.connection.reconnect()
    assert (await window.ready()).model.id == "large"
    assert len(window.teller.questions) == 2
    assert len(backends.running) == 2


async def test_a_download_that_fails_is_told(windows: Windows, backends: LocalBackends) -> None:
    """With what the program said last."""
    backends.behave(models=[TINY], pulled=True, pull_lines=["no space left\n"], pull_status=1)
    window = windows()
    window.teller.answer = DOWNLOAD
    await window.connection.start()
    await until(lambda: bool(window.teller.warnings))
    assert window.teller.warnings == ["the model tiny could not be downloaded\nno space left"]
    assert window.teller.state == "error"


async def test_a_download_that_is_cancelled_ends(windows: Windows, backends: LocalBackends) -> None:
    """The program with it; there is no message about what the user has just done."""
    backends.behave(models=[TINY], pulled=True, pull_seconds=60)
    window = windows()
    window.teller.answer, window.teller.cancels = DOWNLOAD, DOWNLOADING
    await window.connection.start()
    await until(lambda: window.teller.state == "off" and bool(window.teller.questions))
    await until(lambda: window.connection._idle)
    assert window.teller.warnings == []
    assert backends.running == []


async def test_a_client_that_cannot_ask_means_no(open_editor: OpenEditor, tmp_path: Path) -> None:
    """MethodNotFound to the question, from a client with progress: one message that names the command."""

    def cannot(_: object) -> object:
        raise RpcError(-32601, "no such method")

    editor = await open_editor(
        backend_url=None,
        ready=False,
        capabilities={**INLINE, "window": {"workDoneProgress": True}},
        environment={STATE_DIRECTORY: str(tmp_path / "state")},
        handlers={"window/showMessageRequest": cannot},
    )
    await editor.client.wait_for(
        lambda: bool(editor.client.received("window/showMessage")), what="the message", deadline=60
    )
    (message,) = editor.client.received("window/showMessage")
    assert "pilotfish-backend pull smollm2-135m" in message["message"]
    assert len(editor.client.received("window/showMessageRequest")) == 1
    kinds = [params["value"]["kind"] for params in editor.client.received("$/progress")]
    assert kinds.count("begin") == kinds.count("end")  # none where it failed at once
