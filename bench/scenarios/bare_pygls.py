"""The least that a language server on pygls can be: what our start is compared with."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "1")


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
def inline(params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """A constant."""
    return types.InlineCompletionList(
        [types.InlineCompletionItem("bare", range=types.Range(params.position, params.position))]
    )


if __name__ == "__main__":
    server.start_io()
