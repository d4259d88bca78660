"""Builds the pool of HTTP connections to one backend: its address, TLS, proxies and limits."""

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pilotfish.lsp.backend_errors import BadSetting
from pilotfish.lsp.secret import Secret
from pilotfish.lsp.settings import BackendSettings
from pilotfish.lsp.version import VERSION

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT = 5.0
API_PATHS = ("/v1/completions", "/completions", "/v1/models", "/v1")
"""What people paste after a server's address."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a backend is and how to talk to it."""

    url: str
    """Root of the server, with or without ``/v1``."""
    api_key: Secret = Secret()  # noqa: RUF009  frozen
    """Sent as a bearer token; empty: none."""
    timeout: float = 20.0
    """Seconds without a byte after which a request is given up."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: the operating system's."""
    client_cert_file: str = ""
    """PEM file of our own certificate, where the server asks for one."""
    client_key_file: str = ""
    """PEM file of its key, unless it is in the same file."""

    @staticmethod
    def from_settings(settings: BackendSettings, api_key: Secret | None = None) -> "Endpoint":
        """Take a remote backend's settings; ``api_key`` is what ``api_key_command`` printed."""
        return Endpoint(
            url=settings.url,
            api_key=settings.api_key or api_key or Secret(),
            timeout=settings.timeout,
            ca_file=settings.ca_file,
            client_cert_file=settings.client_cert_file,
            client_key_file=settings.client_key_file,
        )

    @property
    def root(self) -> str:
        """The server's root: no ``/v1``, no slash at the end, no user and password."""
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/")
        for known in API_PATHS:
            if path.endswith(known):
                path = path.removesuffix(known)
                break
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password from the URL, for HTTP Basic authentication."""
        parts = urlsplit(self.url)
        return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None

    @property
    def is_loopback(self) -> bool:
        """Whether the server is this machine, whatever it is called."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host.partition("%")[0]).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


def create_client(endpoint: Endpoint) -> "httpx.AsyncClient":
    """Build the client; nothing is connected yet.

    Raises:
        BadSetting: a file with certificates can't be used.

    """
    import httpx

    headers = {"User-Agent": f"pilotfish/{VERSION}", "Accept-Encoding": "identity"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key.reveal()}"
    return httpx.AsyncClient(
        base_url=endpoint.root,
        headers=headers,
        # A key outranks a password in the URL; both would be the same header.
        auth=None if endpoint.api_key else endpoint.login,
        verify=_tls(endpoint),
        # A proxy can't reach our own loopback, and must not see what goes there.
        trust_env=not endpoint.is_loopback,
        timeout=httpx.Timeout(endpoint.timeout, connect=min(CONNECT_TIMEOUT, endpoint.timeout)),
        limits=httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=60),
    )


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    if not endpoint.url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, but httpx would load certifi's bundle
    if endpoint.ca_file:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(Path(endpoint.ca_file).expanduser())
        except OSError as error:
            raise BadSetting(f"backend.ca_file can't be used: {_reason(error)}") from None
    else:
        import truststore

        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if endpoint.client_cert_file:
        cert = Path(endpoint.client_cert_file).expanduser()
        key = Path(endpoint.client_key_file).expanduser() if endpoint.client_key_file else None
        try:
            # Without a password OpenSSL would ask for one on the terminal, which is the editor's pipe.
            context.load_cert_chain(cert, key, password="")
        except OSError as error:
            raise BadSetting(f"backend.client_cert_file can't be used: {_reason(error)}") from None
    return context


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no valid PEM file ({error.reason or 'unknown format'})"
    return error.strerror or type(error).__name__
