"""Secrets in texts: each kind is found, what only looks like one is not, and nobody is asked about them."""

import socket
import sysconfig
from pathlib import Path
from typing import NoReturn

import pytest

from pilotfish.backend.finetune.dataset.secret_scan import secrets_in

BASE64 = "MIIEpAIBAAKCAQEA7bq3vWkT5nJ0dXcPz1uRrH8sLx2yQfGmVt4oKeNwA9"
PLANTED = {
    'key = "AKIA' + 'Q3EGRIZ7V4PXNM2T"': "AWS Access Key",
    'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzMPLEKEYa"': "AWS Access Key",
    "token: ghp_" + "a1B2c3D4e" * 4: "GitHub Token",
    "github_pat_" + "11ABCDEFG0" * 8: "GitHub Fine-Grained Token",
    "t = 'glpat-" + "x9Yz8Wv7Ut6Sr5Qp4On3'": "GitLab Token",
    "slack = 'xoxb-123456789012-123456789012-" + "abcdefabcdef'": "Slack Token",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc": "Stripe Access Key",
    "postgres://app:S3cretPw9@db.internal/shop": "Basic Auth Credentials",
    f"-----BEGIN RSA PRIVATE KEY-----\n{BASE64}\n": "Private Key",
    f'K = "-----BEGIN EC PRIVATE KEY-----\\n{BASE64}\\n"': "Private Key",
    f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,0A\n\n{BASE64}\n": "Private Key",
    "jwt = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlF'": (
        "JSON Web Token"
    ),
    "g = 'AIza" + "SyB1234567890abcdefghijklmnopqrstuv'": "Google API Key",
    "hf_" + "abcdefghijKLMNOPQRSTuvwxyzABCDEFGH": "Hugging Face Token",
    "sk-ant-api03-" + "aB3dE5fG7h" * 4: "Anthropic API Key",
    "sk-proj-" + "aB3dE5fG7h" * 5: "OpenAI Token",
    "cloudant_password = '" + "a1b2c3d4" * 8 + "'": "Cloudant Credentials",
    "secret_access_key = '" + "a1b2c3d4" * 6 + "'": "IBM COS HMAC Credentials",
    "softlayer_api_key = '" + "a1b2c3d4" * 8 + "'": "SoftLayer Credentials",
    "name = lookup('a'); api_key = '9f8d7c6b5a4e3d2c1b0a'": "Secret Keyword",
    "api_key = '" + "0123456789abcdef" * 3 + "'  # cos_secret_access_key": "Secret Keyword",
    'DB_PASSWORD = "Winter2031!prod"': "Secret Keyword",
    'DB_PASSWORD: str = "Winter2031!prod"': "Secret Keyword",
    "login('bob', password='Tr0ub4dor&3')": "Secret Keyword",
    '"client_secret": "9f8d7c6b5a4e3d2c1b0a",': "Secret Keyword",
    'access_token = "abc123def456ghi789jkl0"': "Secret Keyword",
    "x = '" + "y" * 4000 + "'; password = 'Tr0ub4dor&3'": "Secret Keyword",
}
HARMLESS = (
    'password = os.environ["DB_PASSWORD_1"]',
    'password = "changeme"',
    'PASSWORD_FIELD = "password_field_1"',
    "password: ${DB_PASSWORD1}",
    'url = "postgres://postgres:postgres@localhost/test"',
    "http://user:password@proxy.example.com",
    'if "-----BEGIN PRIVATE KEY-----" in text:\n    return load(text)\n',
    'key = "user_id2"',
    'token = "<|endoftext|>"',
    "digest = 'a4337bc45a8fc544c03f52dc550cd6e1e87021bc896588bd79e901e2'",
    "host = '93.184.216.34'",
    "uuid = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'",
    'api_key = "9f8d7c6b5a4e3d2c1b0a"  # pragma: allowlist secret',
    "g = 'AIza" + "SyB1234567890abcdefghijklmnopqrstuv'  # pragma: allowlist secret",
    'url = "http://user:0123456789abcdef@host/"',
    'kind = "APCollectionView"',
    "password = read_secret('db_pass_1a2b3c4d')",
)


@pytest.mark.parametrize(("text", "kind"), PLANTED.items())
def test_a_planted_secret_is_found_in_its_line(text: str, kind: str) -> None:
    """Kind and line are told."""
    assert (3, kind) in secrets_in(f"import os\n\n{text}\nprint()\n", "src/a.py")


@pytest.mark.parametrize(
    ("path", "text"),
    {
        "deploy.yaml": "password: hX93kfl2Qz1",
        "app.properties": "db.password=Tr0ub4dor&3",
        "run.sh": "export API_KEY=9f8d7c6b5a4e3d2c1b0a",
        "Dockerfile": "ENV DB_PASSWORD=Tr0ub4dor3x",
    }.items(),
)
def test_some_files_need_no_quotes(path: str, text: str) -> None:
    """In configurations and shell scripts values stand bare."""
    assert secrets_in(f"{text}\n", path) == [(1, "Secret Keyword")]
    assert secrets_in(f"{text}\n", "a.py") == []


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_is_none(text: str) -> None:
    """Placeholders, references, names, hashes, addresses, and what somebody has marked."""
    assert secrets_in(f"{text}\n", "src/a.py") == []


def test_a_standard_library_has_none() -> None:
    """In 300 modules of Python's own library, without its tests of URLs, nothing is taken for a secret."""
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:300]
    assert len(modules) > 100
    found = {path.name: secrets_in(path.read_text("utf-8"), path.name) for path in modules}
    assert {name: places for name, places in found.items() if places} == {}


def test_nobody_is_asked_about_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library could ask the services that a secret is for; no connection is ever tried."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert all(secrets_in(text, "a.py") for text in PLANTED)
