"""What never leaves: secret and excluded files, and connections to anybody but the backend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from harness.conduct import assert_no_popup, popups
from harness.editor import INVOKED
from harness.fixtures import OpenEditor
from harness.processes import MockBackend
from harness.samples import REFERENCE, SUM

SECRET = "sk-live-4242424242"
SECRET_TEXT = f"API_TOKEN={SECRET}\nOTHER="
SECRET_FILES = [
    ".env",
    ".env.local",
    "deploy/.env.production",
    "id_rsa",
    "keys/id_ed25519",
    "server.pem",
    "private.key",
    "secrets.yaml",
    ".netrc",
    ".pgpass",
    ".aws/credentials",
    ".ssh/config",
]


@dataclass(slots=True)
class Trap:
    """A TCP listener that counts who comes, and what they say first."""

    port: int
    heard: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The listener as an HTTP proxy or server."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def _trap() -> AsyncIterator[Trap]:
    async def caught(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trap.heard.append(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(caught, "127.0.0.1", 0)
    trap = Trap(server.sockets[0].getsockname()[1])
    async with server:
        yield trap


def _sent(mock: MockBackend) -> str:
    return str([call.body for call in mock.log()])


async def test_secret_files_are_never_sent(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Neither opening nor typing nor asking by hand sends a byte of a secret file, warm-ups included."""
    mock.configure(model={"extensions": ["warm"]})
    editor = await open_editor()
    for name in SECRET_FILES:
        document = editor.open(name, SECRET_TEXT, "dotenv")
        editor.insert(document, len(document.text), "x")
        assert await editor.ghost(document, len(document.text)) == "", name
        assert await editor.ghost(document, len(document.text), INVOKED) == "", name
    assert mock.completions() == []
    assert SECRET not in _sent(mock)
    assert_no_popup(editor.client)


async def test_secret_files_are_no_context_either(open_editor: OpenEditor, mock: MockBackend) -> None:
    """An open `.env` beside a source file does not find its way into the source file's prompts."""
    mock.configure(model={"extensions": ["warm"]})
    editor = await open_editor()
    assert editor.root is not None
    (editor.root / ".env").write_text(SECRET_TEXT)
    editor.open(".env", SECRET_TEXT, "dotenv")
    document = editor.open("shop.py", SUM.text)
    await editor.ask(document, SUM.offset, INVOKED).response()
    assert mock.completions()
    assert SECRET not in _sent(mock)


async def test_a_link_to_a_secret_file_is_secret(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A harmless name that links to a secret file does not let it out."""
    editor = await open_editor()
    assert editor.root is not None
    (editor.root / "id_rsa").write_text(SECRET_TEXT)
    (editor.root / "notes.txt").symlink_to(editor.root / "id_rsa")
    document = editor.open("notes.txt", SECRET_TEXT, "plaintext")
    assert await editor.ghost(document, len(SECRET_TEXT), INVOKED) == ""
    assert mock.completions() == []


@pytest.mark.parametrize(
    "options",
    [{"exclude": ["private/**"]}, {"languages": {"disabled": ["markdown"]}}],
    ids=["glob", "language"],
)
async def test_excluded_files_are_not_sent(
    open_editor: OpenEditor, mock: MockBackend, options: dict[str, object]
) -> None:
    """`exclude` and `languages.disabled` keep a file at home; other files are completed."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor(options=options)
    document = editor.open("private/notes.md", SUM.text, "markdown")
    assert await editor.ghost(document, SUM.offset, INVOKED) == ""
    assert mock.completions() == []
    other = editor.open("shop.py", SUM.text)
    assert await editor.line(other, SUM.offset, INVOKED) == SUM.rest


async def test_other_schemes_are_not_completed(open_editor: OpenEditor, mock: MockBackend) -> None:
    """Documents that are neither files nor new nor notebook cells are left alone."""
    editor = await open_editor()
    for uri in (
        "git:/shop.py?ref=HEAD",
        "output:tasks",
        "vscode-userdata:/settings.json",
        "https://example.org/x.py",
    ):
        document = editor.open(uri, SUM.text)
        assert await editor.ghost(document, SUM.offset, INVOKED) == "", uri
    assert mock.completions() == []


async def test_a_new_document_is_completed(open_editor: OpenEditor, mock: MockBackend) -> None:
    """`untitled:` documents, which have no file yet, are completed."""
    mock.configure(policy="continue", reference=REFERENCE)
    editor = await open_editor()
    document = editor.open("untitled:Untitled-1", SUM.text)
    assert await editor.line(document, SUM.offset, INVOKED) == SUM.rest


async def test_binary_content_is_not_completed(open_editor: OpenEditor, mock: MockBackend) -> None:
    """A document with NUL characters is no text."""
    editor = await open_editor()
    document = editor.open("data.bin", "\x00\x01\x02PNG\x00 x = ", "plaintext")
    assert await editor.ghost(document, len(document.text), INVOKED) == ""
    assert mock.completions() == []


async def test_a_proxy_in_the_environment_does_not_get_loopback(
    open_editor: OpenEditor, mock: MockBackend
) -> None:
    """A backend on loopback is asked directly, whatever proxy the environment names."""
    mock.configure(policy="continue", reference=REFERENCE)
    async with _trap() as trap:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        editor = await open_editor(environment=dict.fromkeys(names, trap.url))
        document = editor.open("shop.py", SUM.text)
        assert await editor.ghost(document, SUM.offset) == SUM.rest
    assert trap.heard == []


async def test_a_proxy_in_the_environment_gets_the_rest(open_editor: OpenEditor) -> None:
    """A backend elsewhere is asked through the proxy that the environment names."""
    async with _trap() as trap:
        environment = {"HTTP_PROXY": trap.url, "http_proxy": trap.url}
        await open_editor(backend_url="http://backend.invalid:8012", environment=environment, ready=False)
        async with asyncio.timeout(20):
            while not trap.heard:
                await asyncio.sleep(0.02)
    assert b"backend.invalid" in trap.heard[0]


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, Path]:
    """A private authority, and a server certificate that it signed."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    files = {"ca": tmp_path / "ca.pem", "cert": tmp_path / "cert.pem", "key": tmp_path / "key.txt"}
    authority.cert_pem.write_to_path(files["ca"])
    files["cert"].write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(files["key"])
    return files


async def test_ca_file_makes_a_private_authority_trusted(
    open_editor: OpenEditor, certificates: dict[str, Path]
) -> None:
    """Over TLS with a company's own authority, `backend.ca_file` is what it takes."""
    async with MockBackend(tls=(certificates["cert"], certificates["key"])) as mock:
        mock.configure(policy="continue", reference=REFERENCE)
        options = {"backend": {"ca_file": str(certificates["ca"])}}
        editor = await open_editor(backend_url=mock.url, options=options)
        document = editor.open("shop.py", SUM.text)
        assert await editor.ghost(document, SUM.offset) == SUM.rest
        assert_no_popup(editor.client)


async def test_an_unknown_authority_is_not_trusted(
    open_editor: OpenEditor, certificates: dict[str, Path]
) -> None:
    """Without `ca_file` nothing is sent to a server whose certificate nobody vouches for."""
    async with MockBackend(tls=(certificates["cert"], certificates["key"])) as mock:
        editor = await open_editor(backend_url=mock.url, ready=False)
        document = editor.open("shop.py", SUM.text)
        assert await editor.ghost(document, SUM.offset, INVOKED) == ""
        await editor.client.wait_for(
            lambda: any(params["state"] == "error" for params in editor.client.received("pilotfish/status")),
            what="status error",
        )
        assert mock.log() == []
        assert len(popups(editor.client)) <= 1


async def test_the_log_holds_neither_text_nor_key(
    open_editor: OpenEditor, mock: MockBackend, tmp_path: Path
) -> None:
    """At the most talkative level the log has events, but nothing of the document, the answer or the key."""
    mock.configure(policy="continue", reference=REFERENCE, api_key="sk-under-test")
    options = {"backend": {"api_key": "sk-under-test"}, "log": {"level": "debug"}}
    log = tmp_path / "pilotfish.log"
    editor = await open_editor(options=options, arguments=["--log-file", str(log)])
    document = editor.open("shop.py", SUM.text)
    assert await editor.ghost(document, SUM.offset) == SUM.rest
    await editor.client.request("textDocument/inlineCompletion", {"text": SUM.text}).response()
    await editor.client.stop()
    text = log.read_text()
    assert '"event"' in text
    for private in ("sk-under-test", "prices", "weights", "customer"):
        assert private not in text
        assert private not in editor.client.stderr.decode()


async def test_an_untrusted_workspace_cannot_say_whom_to_ask(
    open_editor: OpenEditor, mock: MockBackend, workspace: Path
) -> None:
    """A `.pilotfish.toml` that came with the code may not set a URL, a key or a command."""
    async with _trap() as trap:
        proof = workspace / "proof"
        (workspace / ".pilotfish.toml").write_text(
            f'[backend]\nurl = "{trap.url}"\napi_key_command = ["touch", "{proof}"]\n'
        )
        environment = {"PILOTFISH_BACKEND_URL": mock.url}
        editor = await open_editor(backend_url=None, environment=environment)
        document = editor.open("shop.py", SUM.text)
        await editor.ask(document, SUM.offset, INVOKED).response()
    assert trap.heard == []
    assert not proof.exists()
    assert mock.completions()
