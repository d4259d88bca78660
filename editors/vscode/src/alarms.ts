// Tells the user of the few things about the language server itself that they must act on: each once.

import * as vscode from 'vscode';

import type { Parts } from './commands/parts';
import { withLogs } from './messages';
import { OLDEST, isOlder } from './server/version';

/** Watch the server, and tell. */
export function watchServer(parts: Parts): vscode.Disposable {
  const { session } = parts;
  let told = '';
  return session.onDidChange(() => {
    const { server } = session;
    if (server.kind !== 'failed' && server.kind !== 'running') {
      return; // on its way to one of the two
    }
    const alarm = server.kind === 'failed' ? server.reason : age(parts);
    if (alarm !== '' && alarm !== told) {
      void (server.kind === 'failed' ? tellFailure(alarm) : tellAge(alarm));
    }
    told = alarm;
  });
}

async function tellFailure(reason: string): Promise<void> {
  const message = `Pilotfish: ${reason}.`;
  if ((await withLogs(vscode.window.showErrorMessage, message, 'Restart')) === 'Restart') {
    await vscode.commands.executeCommand('pilotfish.restartServer');
  }
}

async function tellAge(message: string): Promise<void> {
  if ((await vscode.window.showWarningMessage(message, 'Update…')) !== undefined) {
    await vscode.commands.executeCommand('pilotfish.install');
  }
}

/** What is wrong with the running server's version, or nothing. */
function age({ session, place }: Parts): string {
  const version = session.version ?? 'of an unknown version';
  if (!isOlder(version, OLDEST)) {
    return '';
  }
  const found = place.find();
  const where = found.kind === 'found' ? ` at ${found.path}` : '';
  return `The Pilotfish language server${where} is version ${version}; this extension needs ${OLDEST} or newer.`;
}
