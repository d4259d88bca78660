"""Both sides know a secret by its file's name: what is never sent from an editor is not trained on either."""

import pytest

from pilotfish.backend.finetune.dataset.file_names import why_left_by_path
from pilotfish.lsp.exclusion import why_excluded

SECRETS = (
    *(".env", ".env.production", "prod.env", "server.pem", "tls.key", "ca.crt", "a.p12", "a.pfx", "a.jks"),
    *("a.keystore", "a.kdbx", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "secrets.yaml", "secrets.json"),
    *("credentials", "credentials.json", ".ssh/config", ".aws/config", ".gnupg/x", ".kube/config", ".netrc"),
    *(
        ".docker/config.json",
        "_netrc",
        ".pgpass",
        ".npmrc",
        ".pypirc",
        ".git-credentials",
        ".htpasswd",
        "x.tfvars",
    ),
)
SOURCES = (
    "main.py",
    "environment.py",
    "keys.go",
    "Dockerfile",
    ".docker/compose.yaml",
    "credential_store.rs",
)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_file_is_left_alone_by_both(name: str) -> None:
    """Neither completed in nor trained on, wherever it lies."""
    assert why_excluded(f"file:///home/me/app/{name}", "plaintext")
    assert why_left_by_path(f"app/{name}") == "secret-name"


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_left_alone_by_none(name: str) -> None:
    """Names that only sound like it."""
    assert why_excluded(f"file:///home/me/app/{name}", "plaintext") is None
    assert why_left_by_path(f"app/{name}") is None
