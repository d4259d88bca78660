"""Where Triton servers are: ``--triton-url`` read. Pure."""

import re

PORT = 8001
"""Triton's usual port for gRPC."""

_HOST = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?)(?::(?P<port>\d+))?"
)


class AddressError(ValueError):
    """It is no list of addresses; the message says what one looks like."""


def parse_urls(text: str) -> tuple[str, ...]:
    """``HOST:PORT[,HOST:PORT...]`` as targets that gRPC connects to, each once.

    A host is a name, an IPv4 address, or an IPv6 address in brackets; without a port it is 8001. Each address has a
    channel of its own: lists in one target (``dns:///a,b``) do not connect, and gRPC could not see which of their
    servers has lost its model.
    """
    return tuple(dict.fromkeys(_target(part.strip()) for part in text.split(",")))


def _target(address: str) -> str:
    scheme, separator, _ = address.partition("://")
    if separator:
        raise AddressError(
            f"--triton-url: {address} begins with {scheme}://; expected HOST:PORT of Triton's gRPC service "
            f"(usually port {PORT}), and --tls-ca for TLS."
        )
    match = _HOST.fullmatch(address)
    port = int(match["port"] or PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise AddressError(
            f"--triton-url: {address!r} is no address; expected HOST:PORT, or several of them with commas between."
        )
    return f"{match['host']}:{port}"
