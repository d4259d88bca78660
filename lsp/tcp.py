"""Serving one client over TCP instead of stdio, for editors that can't start a program, and for debugging."""

import asyncio
import os
import socket
import sys
import threading
from contextlib import suppress
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
        listener = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        # Python words these anew; the system's own words are the ones that people look for.
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else "ports go from 0 to 65535"
        sys.stderr.write(f"pilotfish: can't listen on {HOST}:{port}: {reason}; choose another --tcp PORT\n")
        return 1
    sys.stderr.write(f"pilotfish: listening on {HOST}:{listener.getsockname()[1]}\n")
    sys.stderr.flush()
    try:
        asyncio.run(_serve(server, listener))
    except KeyboardInterrupt:
        return 130
    except SystemExit:  # pygls' way to obey the client's ``exit``
        pass
    return 0 if server.shut_down else 1


async def _serve(server: "Server", listening: socket.socket) -> None:
    over = asyncio.Event()
    taken = False

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        if taken:  # one server, one client: a second would mix into its session
            writer.close()
            return
        taken = True
        server.protocol.set_writer(writer)
        try:
            with suppress(ConnectionError):  # a client that was killed may reset the connection
                await run_async(
                    stop_event=threading.Event(),
                    reader=reader,
                    protocol=server.protocol,
                    error_handler=server.report_server_error,
                )
        finally:
            writer.close()
            over.set()

    async with await asyncio.start_server(talk, sock=listening):
        await over.wait()
        await server.service.stop()
