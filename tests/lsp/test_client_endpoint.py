"""Where the HTTP client sends what: addresses, keys, proxies and certificates."""

import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from harness.raw_completions import completion
from harness.raw_http import RawServer, raw_server
from pilotfish.lsp.client import (
    BackendError,
    BackendUnreachable,
    BadSetting,
    Endpoint,
    HttpBackend,
)
from pilotfish.lsp.secret import Secret


async def test_the_key_is_sent_and_not_shown(server: RawServer) -> None:
    """As a bearer token; neither repr nor an error shows it, nor a password in the URL."""
    url = server.url.replace("://", "://ada:hunter2@")
    backend = HttpBackend(Endpoint(url, api_key=Secret("k1s3cret")))
    with pytest.raises(BackendError) as caught:
        await completion(backend)
    assert server.requests[0].headers["authorization"] == "Bearer k1s3cret"
    assert "k1s3cret" not in repr(backend.endpoint) + str(caught.value)
    assert "hunter2" not in str(caught.value)
    await backend.aclose()


async def test_a_login_in_the_url_is_used_when_there_is_no_key(server: RawServer) -> None:
    """As HTTP's Basic authentication."""
    backend = HttpBackend(Endpoint(server.url.replace("://", "://ada:p%40ss@") + "/v1/"))
    assert len(await backend.models()) == 2
    assert server.requests[0].headers["authorization"] == "Basic YWRhOnBAc3M="
    await backend.aclose()


@pytest.mark.parametrize(
    ("url", "root", "loopback"),
    [
        ("http://gpu:8012", "http://gpu:8012", False),
        ("http://gpu:8012/", "http://gpu:8012", False),
        ("http://gpu:8012/v1", "http://gpu:8012", False),
        ("https://gpu/llm/v1/", "https://gpu/llm", False),
        ("https://gpu/llm/v1/completions", "https://gpu/llm", False),
        ("https://u:p@gpu/x", "https://gpu/x", False),
        ("http://localhost:1", "http://localhost:1", True),
        ("http://127.9.9.9:1", "http://127.9.9.9:1", True),
        ("http://[::1]:1/v1", "http://[::1]:1", True),
        ("http://localhost.example.com", "http://localhost.example.com", False),
    ],
)
def test_addresses(url: str, root: str, loopback: bool) -> None:
    """With or without /v1, and what counts as this machine."""
    assert (Endpoint(url).root, Endpoint(url).is_loopback) == (root, loopback)


async def test_loopback_is_never_proxied(backend: HttpBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment gets everything but what goes to this machine or is in NO_PROXY."""
    async with raw_server() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "direct.invalid")
        assert len(await backend.models()) == 2
        assert proxy.requests == []
        proxy.handlers["http://gpu.invalid/v1/models"] = lambda exchange: exchange.answer(
            {"data": [{"id": "far"}]}
        )
        for name, proxied in (("gpu.invalid", True), ("direct.invalid", False)):
            remote = HttpBackend(Endpoint(f"http://{name}"))
            if proxied:
                assert [model.id for model in await remote.models()] == ["far"]
            else:
                with pytest.raises(BackendUnreachable):
                    await remote.models()
            await remote.aclose()
        assert [request.path for request in proxy.requests] == ["http://gpu.invalid/v1/models"]


async def test_certificates(tmp_path: Path) -> None:
    """A private authority is refused until ca_file names it; a server may ask for our certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("ada@example.com").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "me.pem")
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.maximum_version = (
        ssl.TLSVersion.TLSv1_2
    )  # a 1.3 client learns only later that its certificate is missing
    async with raw_server(tls=tls) as server:

        async def names(**files: str) -> list[str]:
            backend = HttpBackend(Endpoint(server.url, **files))  # type: ignore[arg-type]
            try:
                return [model.id for model in await backend.models()]
            finally:
                await backend.aclose()

        ca, me = str(tmp_path / "ca.pem"), str(tmp_path / "me.pem")
        assert await names(ca_file=ca, client_cert_file=me) == ["small", "large"]
        with pytest.raises(BackendUnreachable, match=r"not trusted.*backend\.ca_file"):
            await names(client_cert_file=me)
        with pytest.raises(BackendUnreachable, match=server.url):
            await names(ca_file=ca)
        with pytest.raises(BadSetting, match=r"backend\.ca_file.*No such file"):
            await names(ca_file=str(tmp_path / "none.pem"))
        with pytest.raises(BadSetting, match=r"backend\.client_cert_file.*no valid PEM"):
            await names(ca_file=ca, client_cert_file=ca)


def test_a_key_with_a_password_does_not_ask_for_it(tmp_path: Path) -> None:
    """OpenSSL would ask on the terminal, which is the editor's pipe."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"sesame"),
    )
    (tmp_path / "key.pem").write_bytes(key)
    trustme.CA().issue_cert("x").cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    code = f"""
from pilotfish.lsp.client import Endpoint
from pilotfish.lsp.http_pool import create_client
try:
    create_client(Endpoint("https://x", client_cert_file="{tmp_path}/cert.pem", client_key_file="{tmp_path}/key.pem"))
except Exception as error:
    print(type(error).__name__, error)
"""
    # With a terminal, since without one there is nobody to ask.
    terminal = f"import pty, sys; pty.spawn([sys.executable, '-c', {code!r}])"
    output = subprocess.check_output([sys.executable, "-c", terminal], stdin=subprocess.DEVNULL, timeout=20)
    assert output.startswith(b"BadSetting backend.client_cert_file")
