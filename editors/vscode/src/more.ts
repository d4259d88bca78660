// The rest of a line whose first half was shown in a burst of typing.
//
// While somebody types, the server answers before the next key, with as much of a line as is there. VS Code does not ask
// again when the typing stops, so half of a line would stay. The server says when it knows the rest.

import * as vscode from 'vscode';
import type { LanguageClient, StaticFeature } from 'vscode-languageclient/node';

/** The server's notification `pilotfish/more`. */
interface More {
  readonly textDocument: { readonly uri: string; readonly version: number };
  readonly position: { readonly line: number; readonly character: number };
}

/** Tells the server that this client asks again when there is more. */
const ANNOUNCED: StaticFeature = {
  fillClientCapabilities: (capabilities) => {
    capabilities.experimental = { ...(capabilities.experimental as object | undefined), pilotfishMore: true };
  },
  initialize: () => undefined,
  getState: () => ({ kind: 'static' }),
  clear: () => undefined,
};

/** Has VS Code ask again where a client's server knows more than it has said. */
export class AskingAgain {
  private asking = false;

  /** Announce it to a client's server, and do it when that server says so. */
  listen(client: LanguageClient): void {
    client.registerFeature(ANNOUNCED);
    client.onNotification('pilotfish/more', async (more: More) => {
      if (!isUnderCursor(more)) {
        return;
      }
      this.asking = true;
      try {
        // It asks as if by hand, and shows the longer one in place of the half: newer versions would keep the half
        // first in their list. Where the half was dismissed meanwhile, the command does nothing.
        await vscode.commands.executeCommand('editor.action.inlineSuggest.showNext');
      } finally {
        this.asking = false;
      }
    });
  }

  /** What a question is to the server: one of ours is not by hand, also where somebody has typed on meanwhile. */
  contextOf(context: vscode.InlineCompletionContext): vscode.InlineCompletionContext {
    return this.asking ? { ...context, triggerKind: vscode.InlineCompletionTriggerKind.Automatic } : context;
  }
}

function isUnderCursor({ textDocument, position }: More): boolean {
  const editor = vscode.window.activeTextEditor;
  const cursor = editor?.selection.active;
  return (
    editor?.document.uri.toString() === textDocument.uri &&
    editor.document.version === textDocument.version &&
    cursor?.line === position.line &&
    cursor.character === position.character
  );
}
