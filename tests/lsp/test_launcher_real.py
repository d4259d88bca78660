"""The launcher and the real `pilotfish-backend`: what the two agreed on, with an engine that needs no model."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from harness.environment import isolated
from harness.waiting import until
from pilotfish.lsp.client import CompletionRequest, Endpoint, HttpBackend, Unauthorized, choose_model
from pilotfish.lsp.launcher import Launcher, Recipe
from pilotfish.lsp.launcher_errors import ModelMissing, StartFailed, UnknownModel
from pilotfish.lsp.processes import is_running
from pilotfish.lsp.secret import Secret

MAIN = "import sys; from pilotfish.backend.__main__ import main; sys.exit(main([*sys.argv[1:]{}]))"
IN_MEMORY = (sys.executable, "-P", "-c", MAIN.format(", '--engine', 'memory'"))


def launcher(folder: Path, **changes: object) -> Launcher:
    """One window's launcher, for a user whose home is in the folder."""
    fields = {"model": "memory", "command": IN_MEMORY, "start_timeout": 60} | changes
    environ = isolated(folder / "home")
    return Launcher(Recipe(environ=environ, state=folder / "state", logs=folder / "logs", **fields))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose local backend is gone afterwards."""
    yield tmp_path
    asyncio.run(launcher(tmp_path).stop())


async def test_the_real_program_is_started_used_and_stopped(folder: Path) -> None:
    """The key is asked for, completions stream, and nothing is left when it was stopped."""
    lines: list[str] = []
    found = await launcher(folder).ensure(lines.append)
    assert (await launcher(folder).ensure()).pid == found.pid
    backend = HttpBackend(Endpoint(found.url, api_key=found.api_key))
    model = choose_model(await backend.models(), "")
    assert model.id == found.model == "memory"
    async with aclosing(backend.stream(CompletionRequest("def f(", max_tokens=4), model)) as chunks:
        assert [chunk async for chunk in chunks][-1].usage is not None
    assert await backend.health()
    await backend.aclose()
    stranger = HttpBackend(Endpoint(found.url, api_key=Secret("not-the-key-at-all")))
    with pytest.raises(Unauthorized):
        await stranger.models()
    await stranger.aclose()
    assert (
        found.api_key.reveal() not in (folder / "logs").joinpath(launcher(folder).log_path.name).read_text()
    )
    assert await launcher(folder).stop()
    assert not is_running(found.pid)
    assert not list((folder / "state").glob("*.json"))


async def test_the_real_program_stops_when_idle(folder: Path) -> None:
    """After the idle time-out that we pass on; a clean end, so that the next start is at once."""
    found = await launcher(folder, idle_timeout=0.5).ensure()
    await until(lambda: not is_running(found.pid), seconds=20)
    assert (await launcher(folder).status()).state == "off"
    assert (await launcher(folder).ensure()).pid != found.pid


async def test_the_real_program_is_restarted_when_it_was_killed(folder: Path) -> None:
    """Its record is still there; that does not block."""
    found = await launcher(folder).ensure()
    os.kill(found.pid, signal.SIGKILL)
    await until(lambda: not is_running(found.pid))
    assert (await launcher(folder).status()).state == "crashed"
    assert (await launcher(folder, back_off=(0.0,)).ensure()).pid != found.pid


async def test_a_model_that_is_not_here_is_told_by_name_size_and_licence(folder: Path) -> None:
    """As the real catalogue has them; nothing is downloaded."""
    for model in ("", "qwen2.5-coder-0.5b"):
        with pytest.raises(ModelMissing) as caught:
            await launcher(folder, model=model, command=()).ensure()
        assert caught.value.name == (model or "smollm2-135m")
        assert caught.value.size is not None
        assert caught.value.size > 50_000_000
        assert caught.value.licence == "Apache-2.0"


async def test_a_name_that_the_real_catalogue_does_not_have(folder: Path) -> None:
    """The message lists those that it has."""
    with pytest.raises(UnknownModel, match="no model nonsense; there are smollm2-135m"):
        await launcher(folder, model="nonsense", command=()).ensure()


async def test_a_file_that_is_no_model(folder: Path) -> None:
    """The reason is in the message, from the log."""
    (folder / "m.gguf").write_bytes(b"not a model")
    with pytest.raises(StartFailed, match=r"(?s)\.log\n.*\w"):
        await launcher(folder, model=str(folder / "m.gguf"), command=()).ensure()
