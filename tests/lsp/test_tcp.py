"""`pilotfish --tcp PORT`: one client over loopback, from its first byte to the exit status."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness.editor import Editor
from harness.environment import isolated
from harness.lsp_client import LspClient
from harness.processes import MockBackend
from harness.programs import language_server
from harness.samples import REFERENCE, SUM

ADDRESS = re.compile(rb"listening on 127\.0\.0\.1:(\d+)\n")


class Tcp:
    """The program and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def editor(self, mock: MockBackend, root: Path) -> Editor:
        """An initialized client."""
        client = await LspClient.connect(self.port)
        return await Editor(client, root).initialize(options={"backend": {"url": mock.url}})

    async def status(self) -> int:
        """Wait for the exit status."""
        return await asyncio.wait_for(self.process.wait(), 10)


async def started(home: Path, port: str) -> asyncio.subprocess.Process:
    """Start the program."""
    return await asyncio.create_subprocess_exec(
        *language_server(),
        "--tcp",
        port,
        env=isolated(home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.fixture
async def tcp(tmp_path: Path) -> AsyncIterator[Tcp]:
    """The program on any free port, which it tells on standard error."""
    process = await started(tmp_path / "home", "0")
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stderr.readline(), 20)
    found = ADDRESS.search(line)
    assert found, line
    yield Tcp(process, int(found[1]))
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()


async def test_a_session_over_tcp(tcp: Tcp, mock: MockBackend, workspace: Path) -> None:
    """The address of port 0 is told, the protocol is the same, and after shutdown and exit the status is 0."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await tcp.editor(mock, workspace)
    await editor.ready()
    assert "inlineCompletionProvider" in editor.capabilities
    assert await editor.line(editor.open("shop.py", SUM.text), SUM.offset) == SUM.rest
    await editor.client.stop()
    assert await tcp.status() == 0
    assert tcp.process.stdout is not None
    assert await tcp.process.stdout.read() == b""


@pytest.mark.parametrize("leaves", ["exit", "close", "reset"])
async def test_a_client_that_leaves_without_shutdown(
    tcp: Tcp, mock: MockBackend, workspace: Path, leaves: str
) -> None:
    """By `exit` alone, by closing the connection, or by resetting it: the program ends, with status 1."""
    editor = await tcp.editor(mock, workspace)
    if leaves == "reset":
        connection = editor.client._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if leaves == "exit":
        editor.client.notify("exit")
    else:
        await editor.client.close()
    assert await tcp.status() == 1
    await editor.client.close()


async def test_a_second_client_is_refused(tcp: Tcp, mock: MockBackend, workspace: Path) -> None:
    """Its connection is closed without a byte, and the first one's session goes on."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await tcp.editor(mock, workspace)
    reader, writer = await asyncio.open_connection("127.0.0.1", tcp.port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await editor.ready()
    assert await editor.line(editor.open("shop.py", SUM.text), SUM.offset) == SUM.rest
    await editor.client.stop()
    assert await tcp.status() == 0


async def test_a_port_in_use(tmp_path: Path) -> None:
    """One line that names the port and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = await started(tmp_path / "home", str(port))
        _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    (line,) = errors.decode().splitlines()
    assert line == (
        f"pilotfish: can't listen on 127.0.0.1:{port}: Address already in use; choose another --tcp PORT"
    )


@pytest.mark.parametrize("port", ["70000", "-1", "x"])
async def test_what_is_no_port(tmp_path: Path, port: str) -> None:
    """A message, not a traceback."""
    process = await started(tmp_path / "home", port)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode in {1, 2}
    assert b"Traceback" not in errors
    assert b"--tcp" in errors
