"""Serving one client over TCP instead of stdio, for editors that can't start a program, and for debugging."""

import asyncio
import sys
import threading
from typing import TYPE_CHECKING

from pygls.io_ import run_async

if TYPE_CHECKING:
    from pilotfish.lsp.server import Server

HOST = "127.0.0.1"


def serve_tcp(server: "Server", port: int) -> int:
    """Serve the first client that connects on loopback, until it leaves; return the exit status.

    The address goes to standard error as soon as the port is open, since port 0 means any free one.
    """
    try:
        asyncio.run(_serve(server, port))
    except OSError as error:
        sys.stderr.write(
            f"pilotfish: can't listen on {HOST}:{port}: {error.strerror}; choose another --tcp PORT\n"
        )
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit:  # pygls' way to obey the client's ``exit``
        pass
    return 0 if server.shut_down else 1


async def _serve(server: "Server", port: int) -> None:
    over = asyncio.Event()
    taken = False

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        if taken:  # one server, one client: a second would mix into its session
            writer.close()
            return
        taken = True
        server.protocol.set_writer(writer)
        await run_async(
            stop_event=threading.Event(),
            reader=reader,
            protocol=server.protocol,
            error_handler=server.report_server_error,
        )
        over.set()

    listener = await asyncio.start_server(talk, HOST, port)
    address = listener.sockets[0].getsockname()
    sys.stderr.write(f"pilotfish: listening on {address[0]}:{address[1]}\n")
    sys.stderr.flush()
    async with listener:
        await over.wait()
        await server.service.stop()
