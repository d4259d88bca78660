"""A small pygls server that behaves, or misbehaves in one way: the harness is tried on it.

    python -P tests/harness/dummy_server.py MODE [BACKEND_URL]

MODE: good (asks the backend each time, first line only) · mute (never answers) · twice (answers twice) ·
stale (answers with the text for the request before) · slow (good, but half a second late, superseded or not) · popup.
"""

import asyncio
import sys

import httpx
from lsprotocol import types
from pygls.lsp.server import LanguageServer


class DummyServer(LanguageServer):
    """The server with its mode."""

    def __init__(self, mode: str, backend: str) -> None:
        super().__init__("dummy", "1")
        self.mode = mode
        self.http = httpx.AsyncClient(base_url=backend, trust_env=False)
        self.previous = "never()"

    async def complete(self, prompt: str) -> str:
        """One backend call; the first line of its answer."""
        body = {"model": "mock-model", "prompt": prompt, "max_tokens": 16, "stop": ["\n"]}
        answer = await self.http.post("/v1/completions", json=body)
        text: str = answer.json()["choices"][0]["text"]
        return text


def build(mode: str, backend: str) -> DummyServer:
    """The server for a mode."""
    server = DummyServer(mode, backend)

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline(ls: DummyServer, params: types.InlineCompletionParams) -> types.InlineCompletionList:
        if ls.mode == "mute":
            await asyncio.Event().wait()
        if ls.mode == "popup":
            ls.window_show_message(types.ShowMessageParams(types.MessageType.Error, "look at me"))
        document = ls.workspace.get_text_document(params.text_document.uri)
        offset = document.offset_at_position(params.position)
        text = await ls.complete(document.source[max(0, offset - 1000) : offset])
        if ls.mode == "slow":
            await asyncio.sleep(0.5)
        if ls.mode == "stale":
            text, ls.previous = ls.previous, text
        place = types.Range(params.position, params.position)
        answer = types.InlineCompletionList([types.InlineCompletionItem(text, range=place)] if text else [])
        if ls.mode == "twice":
            number = ls.protocol.msg_id
            assert number is not None
            ls.protocol._send_response(number, result=answer)
        return answer

    return server


if __name__ == "__main__":
    build(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:1").start_io()
