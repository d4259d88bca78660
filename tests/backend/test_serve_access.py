"""Who may ask a server of `pilotfish-backend serve`: addresses, keys and certificates."""

import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
import trustme

from harness.backend_process import BackendProcess, refusal
from harness.environment import isolated
from harness.programs import backend
from pilotfish.backend.proxy import keys

KEY = "launcher-key-0123456789"


def test_public_addresses_need_keys(tmp_path: Path) -> None:
    """Without a key the server does not start, and says what to do."""
    for host in ("0.0.0.0", "::", socket.gethostbyname(socket.gethostname())):
        if host.startswith("127."):
            continue
        refused = refusal(tmp_path, "--engine", "memory", "--host", host)
        assert refused.returncode == 2
        assert "keys add" in refused.stderr
        assert "127.0.0.1" in refused.stderr


def test_public_addresses_with_keys(tmp_path: Path) -> None:
    """With one from standard input, or the default file that `keys add` made; then loopback needs a key as well."""
    with BackendProcess(tmp_path, "--host", "0.0.0.0", key=KEY) as server:
        assert server.state["host"] == "127.0.0.1"
        with server.client() as client:
            assert client.get("/v1/models").status_code == 200
    added = subprocess.run(
        [*backend(), "keys", "add", "ann"], env=isolated(tmp_path), capture_output=True, text=True, check=True
    )
    for host in ("0.0.0.0", "127.0.0.1"):
        with BackendProcess(tmp_path, "--host", host) as server, server.client() as client:
            assert server.state["api_key"] is None
            assert client.get("/v1/models").status_code == 401
            client.headers["authorization"] = f"Bearer {added.stdout.strip()}"
            assert client.get("/v1/models").status_code == 200


def test_revoking_counts_while_it_runs(tmp_path: Path) -> None:
    """No restart is needed."""
    file = tmp_path / "keys.json"
    key = keys.add(file, "ann")
    with BackendProcess(tmp_path, "--api-key-file", str(file)) as server, server.client() as client:
        client.headers["authorization"] = f"Bearer {key}"
        assert client.get("/v1/models").status_code == 200
        keys.revoke(file, "ann")
        assert client.get("/v1/models").status_code == 401


def test_tls(tmp_path: Path) -> None:
    """With a certificate the server speaks https; who does not trust it is not served."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    chain, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(private)
    for part in certificate.cert_chain_pems:
        part.write_to_path(chain, append=True)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    with BackendProcess(tmp_path, "--tls-cert", str(chain), "--tls-key", str(private)) as server:
        assert server.state["scheme"] == "https"
        with server.client(verify=ssl.create_default_context(cafile=str(trusted))) as client:
            assert client.get("/health/live").json() == {"status": "live"}
            assert client.post("/v1/completions", json={"prompt": "x"}).status_code == 200
        with (
            server.client() as stranger,
            pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            stranger.get("/health/live")
    other = trustme.CA().issue_cert("localhost")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    refused = refusal(
        tmp_path, *("--engine", "memory", "--tls-cert", str(chain), "--tls-key", str(tmp_path / "other.pem"))
    )
    assert refused.returncode == 2
    assert "can't use" in refused.stderr
