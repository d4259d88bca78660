"""The connection to a remote backend, through all its states."""

import asyncio
from typing import Any

import pytest

from harness.local_backend import LocalBackends
from harness.processes import MockBackend, free_port
from harness.waiting import until
from harness.windows import Window, Windows
from pilotfish.lsp.client import BackendUnreachable
from pilotfish.lsp.secret import Secret


def remote(windows: Windows, url: str, **changes: Any) -> Window:
    """A window with a remote backend."""
    return windows(**{"url": url, "model": "", **changes})


async def test_a_remote_backend_is_connected_to(windows: Windows, mock: MockBackend) -> None:
    """Ready without a word but the status; the link carries what the model announces."""
    window = remote(windows, mock.url)
    assert window.connection.link() is None
    await window.connection.start()
    link = await window.ready()
    assert link.model.id == "mock-model"
    assert [state for state, _ in window.teller.states] == ["starting", "ready"]
    assert window.teller.warnings == []
    assert [made.model for made in window.links] == [link.model]


async def test_a_remote_backend_that_is_down_and_comes(windows: Windows) -> None:
    """One message; while the user types it is found within two seconds; without typing nobody looks."""
    port = free_port()
    window = remote(windows, f"http://127.0.0.1:{port}")
    await window.connection.start()
    await until(lambda: window.teller.state == "error")
    (warning,) = window.teller.warnings
    assert f"127.0.0.1:{port}" in warning
    async with MockBackend(port=port) as mock:
        await asyncio.sleep(1.5)
        assert mock.log() == []
        await window.typing(lambda: window.teller.state == "ready", seconds=4)
        assert await window.complete()
    assert window.teller.warnings == [warning]


async def test_a_server_that_still_loads_is_waited_for(windows: Windows, mock: MockBackend) -> None:
    """503 from the list of models, as llama.cpp says while it loads: silence, then ready without being told."""
    mock.configure(models_status=503, health=503)
    window = remote(windows, mock.url)
    await window.connection.start()
    await until(lambda: window.teller.state == "error")
    mock.configure(models_status=200, health=200)
    await window.typing(lambda: window.teller.state == "ready")
    assert await window.complete()
    assert window.teller.warnings == []


@pytest.mark.parametrize("behaviour", [{"models_status": 404}, {"models_status": 418}, {"models": [3]}])
async def test_what_is_no_openai_server_is_said_at_once(
    windows: Windows, mock: MockBackend, behaviour: dict[str, Any]
) -> None:
    """Not after three tries that nobody makes: the status does not say connecting for ever."""
    mock.configure(**behaviour, health=404)
    window = remote(windows, mock.url)
    await window.connection.start()
    await until(lambda: window.teller.state == "error")
    assert len(window.teller.warnings) == 1
    mock.configure(models_status=200, models=[{"id": "at-last"}], health=200)
    await window.typing(lambda: window.teller.state == "ready")


async def test_a_refused_key_needs_other_settings(windows: Windows, mock: MockBackend) -> None:
    """One message, no retry; with the right key in the settings it is ready."""
    mock.configure(api_key="right")
    window = remote(windows, mock.url, api_key=Secret("wrong"))
    await window.connection.start()
    await until(lambda: bool(window.teller.warnings))
    asked = len(mock.log())
    with pytest.raises(TimeoutError):
        await window.typing(lambda: window.connection.link() is not None, seconds=1.5)
    assert len(mock.log()) == asked
    assert len(window.teller.warnings) == 1
    assert "backend.api_key" in window.teller.warnings[0]
    window.set_backend(api_key=Secret("right"))
    await window.connection.reconnect()
    await window.ready()
    assert len(window.teller.warnings) == 1


async def test_a_second_start_that_is_refused_too(windows: Windows, mock: MockBackend) -> None:
    """A client that pushes its settings late has us connect twice: one message, and the state is an error again."""
    mock.configure(api_key="right")
    window = remote(windows, mock.url, api_key=Secret("wrong"))
    await window.connection.start()
    await until(lambda: window.teller.state == "error")
    asked = len(mock.log())
    await window.connection.start()
    await until(lambda: len(mock.log()) > asked)
    await until(lambda: window.teller.state == "error")
    assert len(window.teller.warnings) == 1


async def test_a_key_that_is_refused_after_a_rest(windows: Windows, mock: MockBackend) -> None:
    """Down at first, then there but with another key: that is told, since only the user can help."""
    mock.configure(models_status=500, health=500)
    window = remote(windows, mock.url)
    await window.connection.start()
    await until(lambda: window.teller.state == "error")
    mock.configure(models_status=200, health=200, api_key="new")
    await window.typing(lambda: any("backend.api_key" in text for text in window.teller.warnings))
    assert window.teller.state == "error"


async def test_a_model_that_is_not_there_is_told_with_those_that_are(
    windows: Windows, mock: MockBackend
) -> None:
    """Once, with their names."""
    window = remote(windows, mock.url, model="salmon")
    await window.connection.start()
    await until(lambda: bool(window.teller.warnings))
    assert "salmon" in window.teller.warnings[0]
    assert "mock-model" in window.teller.warnings[0]
    assert window.connection.link() is None


async def test_a_completion_that_fails_rests_the_backend(windows: Windows, mock: MockBackend) -> None:
    """Nothing is asked until a probe finds it healthy; then it is ready again without a second connection."""
    window = remote(windows, mock.url)
    await window.connection.start()
    await window.ready()
    mock.configure(status=500, health=500)
    with pytest.raises(BackendUnreachable):
        await window.complete()
    assert window.connection.link() is None
    assert window.teller.state == "error"
    mock.configure(status=200, health=200)
    await window.typing(lambda: window.teller.state == "ready")
    assert await window.complete()
    assert len(window.links) == 1


async def test_other_settings_mean_another_backend(windows: Windows, mock: MockBackend) -> None:
    """Also in the middle of a probe or a connection that hangs: the old server is never linked again."""
    mock.configure(models_delay=30)
    window = remote(windows, mock.url)
    await window.connection.start()
    await mock.wait_for(bool)
    with MockBackend() as other:
        other.configure(model={"id": "other-model"})
        window.set_backend(url=other.url)
        await window.connection.reconnect()
        assert (await window.ready()).model.id == "other-model"
    (call,) = mock.log()
    await mock.closed(call.id)


async def test_a_second_start_changes_nothing(windows: Windows, mock: MockBackend) -> None:
    """Clients may say `initialized` twice: what is connected stays, and its calls go on."""
    window = remote(windows, mock.url)
    await window.connection.start()
    await window.connection.start()
    link = await window.ready()
    await window.connection.start()
    again = await window.ready()
    assert again.backend is link.backend
    assert len([call for call in mock.log() if call.path == "/v1/models"]) == len(window.links) == 1


async def test_stop_does_not_stop_a_remote_backend(windows: Windows, mock: MockBackend) -> None:
    """It says so, and goes on."""
    window = remote(windows, mock.url)
    await window.connection.start()
    await window.ready()
    await window.connection.stop_backend()
    assert "remote" in window.teller.informed[0]
    assert window.connection.link() is not None


async def test_toggling_tells_the_state_as_it_is(windows: Windows, backends: LocalBackends) -> None:
    """Switched off and on again, a backend that is only not started is no error."""
    del backends
    window = windows(autostart=False)
    await window.connection.start()
    await until(lambda: window.teller.state == "off")
    before = window.teller.states[-1]
    window.connection.announce(enabled=False)
    assert window.teller.states[-1] == ("off", "switched off")
    window.connection.announce(enabled=True)
    assert window.teller.states[-1] == before
