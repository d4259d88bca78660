"""A suggestion as the items, hints and edits that the protocol knows. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from lsprotocol import types

from pilotfish.lsp.documents import Cursor, TextBuffer
from pilotfish.lsp.filters import Suggestion

ACCEPTED_COMMAND = "pilotfish.accepted"


@dataclass(frozen=True, slots=True)
class Offer:
    """A suggestion in a client's terms."""

    text: str
    """With the document's own line ends."""
    start: types.Position
    end: types.Position
    """Where what it replaces ends; the same as ``start`` when it only inserts."""


def offer(suggestion: Suggestion, buffer: TextBuffer, cursor: Cursor) -> Offer:
    """Put a suggestion for a cursor into a document's line ends and the client's columns."""
    start = types.Position(*buffer.position(cursor))
    end = types.Position(*buffer.position(Cursor(cursor.line, cursor.column + suggestion.overwrite)))
    return Offer(suggestion.text.replace("\n", buffer.line_end), start, end)


def inline_items(offers: Iterable[Offer]) -> list[types.InlineCompletionItem]:
    """Ghost text, the likeliest first."""
    return [
        types.InlineCompletionItem(
            insert_text=offered.text,
            range=types.Range(offered.start, offered.end),
            command=types.Command(title="accepted", command=ACCEPTED_COMMAND),
        )
        for offered in offers
    ]


def menu_items(offered: Offer, *, word: str, language: str, single_line: bool) -> list[types.CompletionItem]:
    """The same as an entry of the completion menu.

    ``word`` is the ASCII identifier fragment left of the cursor: clients filter and replace by the word that they see,
    so the entry repeats it. ``single_line`` cuts the text for clients that can't insert several lines.
    """
    lines = offered.text.splitlines() or [""]
    text = word + (lines[0] if single_line else offered.text)
    # A fragment of ASCII is as many columns in every encoding.
    start = types.Position(offered.start.line, offered.start.character - len(word))
    return [
        types.CompletionItem(
            label=word + lines[0].rstrip(),
            detail="Pilotfish",
            kind=types.CompletionItemKind.Text,
            documentation=types.MarkupContent(types.MarkupKind.Markdown, _fenced(text, language)),
            text_edit=types.TextEdit(types.Range(start, offered.end), text),
            insert_text_format=types.InsertTextFormat.PlainText,
            insert_text_mode=types.InsertTextMode.AsIs,
            filter_text=text,
            sort_text="\x00",
            preselect=True,
            command=types.Command(title="accepted", command=ACCEPTED_COMMAND),
        )
    ]


def hint(offered: Offer) -> types.InlayHint:
    """The first line of a suggestion as an inlay hint, for editors whose only ghost text is that."""
    first, *more = offered.text.splitlines() or [""]
    return types.InlayHint(position=offered.start, label=first + (" …" if more else ""), padding_left=False)


def workspace_edit(uri: str, offered: Offer) -> types.WorkspaceEdit:
    """The edit that accepts a suggestion.

    It names no version. Helix counts versions of its own, for previews of menu entries that it does not tell, and
    refuses every other number. A key that is typed meanwhile does no harm: it goes behind the inserted text.
    """
    edit = types.TextEdit(types.Range(offered.start, offered.end), offered.text)
    document = types.OptionalVersionedTextDocumentIdentifier(uri=uri)
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(text_document=document, edits=[edit])]
    )


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in text.split("\n") if set(run.strip()) == {"`"}), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
