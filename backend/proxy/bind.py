"""Where the server listens, and whether it may."""

import errno
import ipaddress
import os
import socket
import ssl
from pathlib import Path

PORT = 8012


class ServeError(Exception):
    """The server can't start as it was told to; the message says what to do."""


def check_exposure(host: str, *, keyed: bool) -> None:
    """Refuse to listen to other machines without API keys. Raises ``ServeError``."""
    if keyed or all(ipaddress.ip_address(address).is_loopback for address in _addresses(host)):
        return
    raise ServeError(
        f"refusing to listen on {host} without API keys: whoever reaches this machine could use the model. "
        "Make a key with 'pilotfish-backend keys add NAME', or listen on 127.0.0.1."
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises ``ServeError``."""
    address = _addresses(host)[0]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio switches Nagle's delay off only where the protocol is named: 40 ms for each kept-alive request.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ServeError(
                f"{host}:{port} is in use already; choose another with --port (0: any free one)."
            ) from None
        raise ServeError(f"can't listen on {host}:{port}: {error.strerror}.") from None
    return listener


def reachable_host(listener: socket.socket) -> str:
    """A host by which this machine reaches the socket: one that listens everywhere is reached by loopback."""
    host = str(listener.getsockname()[0])
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (not bound here)


def origin(scheme: str, host: str, port: int) -> str:
    """The start of the server's URLs."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def check_tls(cert: Path | None, key: Path | None) -> None:
    """Raise ``ServeError`` unless both are given and belong together, or none is given."""
    if cert is None and key is None:
        return
    if cert is None or key is None:
        raise ServeError("--tls-cert and --tls-key go together.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except FileNotFoundError:
        missing = cert if not cert.exists() else key
        raise ServeError(f"there is no file {missing}.") from None
    except (OSError, ssl.SSLError) as error:
        raise ServeError(f"can't use {cert} with {key}: {error.strerror or error}.") from None


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ServeError(f"there is no address for {host!r}: {error.strerror}.") from None
    return [str(entry[4][0]).partition("%")[0] for entry in found]
