// Tells the server where the cursor has come to rest, so that the model has read the place before the first key.

import * as vscode from 'vscode';

import { DOCUMENTS } from './client';

/** Milliseconds without a movement that count as rest. */
const REST = 250;
/** A selection that changes this soon after an edit was moved by it; the server knows the place from the edit. */
const BY_EDIT = 100;

/** Watches the cursor and calls `tell` where it rests. */
export function watchCursor(tell: (method: string, params: object) => Promise<void>): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  let edited = 0;
  const moved = (editor: vscode.TextEditor | undefined): void => {
    clearTimeout(timer);
    if (editor === undefined || vscode.languages.match(DOCUMENTS, editor.document) === 0) {
      return;
    }
    timer = setTimeout(() => {
      const { line, character } = editor.selection.active;
      const textDocument = { uri: editor.document.uri.toString() };
      void tell('pilotfish/cursor', { textDocument, position: { line, character } });
    }, REST);
  };
  return vscode.Disposable.from(
    vscode.workspace.onDidChangeTextDocument(() => {
      edited = Date.now();
      clearTimeout(timer);
    }),
    vscode.window.onDidChangeTextEditorSelection((event) => {
      if (Date.now() - edited > BY_EDIT) {
        moved(event.textEditor);
      }
    }),
    vscode.window.onDidChangeActiveTextEditor(moved),
    new vscode.Disposable(() => {
      clearTimeout(timer);
    }),
  );
}
