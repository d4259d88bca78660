"""Asks the real language server at the call sites, with the real backend in front of the real Triton behind it."""

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path

from finetune.call_sites import CallSite
from harness.backend_process import BackendProcess
from harness.editor import INVOKED, Editor
from harness.environment import isolated
from harness.lsp_client import LspClient
from harness.programs import language_server
from harness.triton import TritonProcess

READY_DEADLINE = 60.0


def suggestions(repository: Path, workspace: Path, home: Path, sites: Sequence[CallSite]) -> list[str]:
    """The ghost text at each call site, its first line, by the model of a repository.

    ``workspace`` is the folder that is open in the editor, ``home`` a new folder for what the programs write.
    """
    home.mkdir()
    key = secrets.token_hex(16)
    with (
        TritonProcess(repository, config_name="decoupled", log=home / "triton.log") as triton,
        BackendProcess(
            home,
            *("--triton-url", triton.url, "--model-repository", str(repository)),
            key=key,
            engine="triton",
        ) as server,
    ):
        return asyncio.run(_asked(server.url, key, workspace, home, sites))


async def _asked(url: str, key: str, workspace: Path, home: Path, sites: Sequence[CallSite]) -> list[str]:
    client = await LspClient.start(language_server(), env=isolated(home / "editor"), cwd=home)
    try:
        editor = Editor(client, workspace)
        # One line each: what is asked for by hand would be a block.
        completion = {"multiline": "never", "prefetch": "never"}
        await editor.initialize(options={"backend": {"url": url, "apiKey": key}, "completion": completion})
        await editor.ready(READY_DEADLINE)
        return [await _at(editor, site) for site in sites]
    finally:
        await client.stop()


async def _at(editor: Editor, site: CallSite) -> str:
    document = editor.open(site.path, site.text + site.below)
    try:
        return await editor.line(document, len(site.text), INVOKED)
    finally:
        editor.close(document)
