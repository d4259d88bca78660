"""Our documents in pygls' workspace."""

from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.workspace import PositionCodec

from pilotfish.lsp.documents import Cursor
from pilotfish.lsp.workspace import Document, Workspace, install

URI = "file:///a%20b.py"


@pytest.fixture
def workspace() -> Workspace:
    """Return a workspace whose client counts in UTF-16."""
    return Workspace(None, types.TextDocumentSyncKind.Incremental, [], types.PositionEncodingKind.Utf16)


def opened(workspace: Workspace, text: str) -> Document:
    """Open a document as didOpen does."""
    workspace.put_text_document(types.TextDocumentItem(URI, "python", 1, text))
    document = workspace.open_document(URI)
    assert document is not None
    return document


def change(
    workspace: Workspace, start: tuple[int, int], end: tuple[int, int], text: str, version: int = 2
) -> None:
    """Change a document as didChange does."""
    partial = types.TextDocumentContentChangePartial(
        types.Range(types.Position(*start), types.Position(*end)), text
    )
    workspace.update_text_document(types.VersionedTextDocumentIdentifier(version, URI), partial)


def test_incremental_changes(workspace: Workspace) -> None:
    """Changes reach the buffer in the client's columns; pygls' own views and the version follow."""
    document = opened(workspace, 'x = "😀"\r\n')
    change(workspace, (0, 7), (0, 7), "!")
    change(workspace, (1, 0), (1, 0), "y", version=3)
    assert document.source == 'x = "😀!"\r\ny'
    assert document.lines == ('x = "😀!"\r\n', "y")
    assert document.buffer.lines[1] == "y"
    assert opened(workspace, "x\n").lines == ("x\n",)
    assert document.version == 3
    assert document.offset_at_position(types.Position(1, 1)) == len(document.source)


def test_edits_are_handed_over_once(workspace: Workspace) -> None:
    """All edits of a notification are kept, in order, until they are taken."""
    document = opened(workspace, "ab")
    change(workspace, (0, 1), (0, 1), "x")
    change(workspace, (0, 2), (0, 2), "y")
    assert [edit.new_end for edit in document.take_edits()] == [Cursor(0, 2), Cursor(0, 3)]
    assert document.take_edits() == []


def test_full_change(workspace: Workspace) -> None:
    """A change without a range replaces the text, and the edit covers what differs."""
    document = opened(workspace, "a\nb\n")
    workspace.update_text_document(
        types.VersionedTextDocumentIdentifier(2, URI), types.TextDocumentContentChangeWholeDocument("a\nbc\n")
    )
    assert document.source == "a\nbc\n"
    assert [(edit.start, edit.text) for edit in document.take_edits()] == [(Cursor(1, 1), "c")]


@pytest.mark.parametrize(
    ("encoding", "column"),
    [
        (types.PositionEncodingKind.Utf8, 4),
        (types.PositionEncodingKind.Utf16, 2),
        (types.PositionEncodingKind.Utf32, 1),
        ("utf-8", 4),
        (None, 2),
        ("latin-1", 2),
    ],
)
def test_encodings(encoding: types.PositionEncodingKind | str | None, column: int) -> None:
    """The buffer counts as the client does; a client that names no encoding that we know counts in UTF-16."""
    workspace = Workspace(None, types.TextDocumentSyncKind.Incremental, [], encoding)
    document = opened(workspace, "😀x")
    assert document.buffer.cursor(0, column) == Cursor(0, 1)


def test_notebook_cells(workspace: Workspace) -> None:
    """Cells are documents like others, from opening through changes to closing."""
    cell = "vscode-notebook-cell:/n.ipynb#W0"
    notebook = types.NotebookDocument("file:///n.ipynb", "jupyter-notebook", 1, [])
    notebook.cells = [types.NotebookCell(types.NotebookCellKind.Code, cell)]
    item = types.TextDocumentItem(cell, "python", 1, "a = 1")
    workspace.put_notebook_document(types.DidOpenNotebookDocumentParams(notebook, [item]))
    text = types.TextDocumentContentChangePartial(
        types.Range(types.Position(0, 5), types.Position(0, 5)), "2"
    )
    changed = types.NotebookDocumentCellContentChanges(types.VersionedTextDocumentIdentifier(2, cell), [text])
    workspace.update_notebook_document(
        types.DidChangeNotebookDocumentParams(
            types.VersionedNotebookDocumentIdentifier(2, notebook.uri),
            types.NotebookDocumentChangeEvent(
                cells=types.NotebookDocumentCellChanges(text_content=[changed])
            ),
        )
    )
    document = workspace.open_document(cell)
    assert document is not None
    assert document.source == "a = 12"
    assert len(document.take_edits()) == 1
    workspace.remove_notebook_document(
        types.DidCloseNotebookDocumentParams(
            types.NotebookDocumentIdentifier(notebook.uri), [types.TextDocumentIdentifier(cell)]
        )
    )
    assert workspace.open_document(cell) is None


def test_files_on_disk(workspace: Workspace, tmp_path: Path) -> None:
    """A file that nobody opened is still readable through pygls, but is no open document."""
    path = tmp_path / "f.py"
    path.write_text("a\nb")
    document = workspace.get_text_document(path.as_uri())
    assert (document.source, document.lines) == ("a\nb", ("a\n", "b"))
    assert workspace.open_document(path.as_uri()) is None


def test_install() -> None:
    """A server that installs our workspace when it is initialized keeps folders and the negotiated encoding."""
    server = LanguageServer("test", "1")

    @server.feature(types.INITIALIZE)
    def initialize(_: types.InitializeParams) -> None:
        install(server.protocol)

    general = types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf8])
    params = types.InitializeParams(
        capabilities=types.ClientCapabilities(general=general),
        workspace_folders=[types.WorkspaceFolder("file:///w", "w")],
    )
    steps = server.protocol.lsp_initialize(params)
    handler, arguments, _ = next(steps)
    handler(*arguments)
    assert isinstance(server.workspace, Workspace)
    assert list(server.workspace.folders) == ["file:///w"]
    assert opened(server.workspace, "ß").buffer.encoding == "utf-8"


def test_position_codec_is_optional() -> None:
    """A document counts in UTF-16 where nothing else is said, as pygls' do."""
    assert Document("file:///a", "x").buffer.encoding == PositionCodec().encoding
