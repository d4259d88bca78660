// Connecting to a team backend: address, key, a test of both, and only then are they saved.

import * as vscode from 'vscode';

import { withLogs } from '../messages';
import { checkBackend } from '../team';
import { addressProblem, keyProblem } from '../team_input';
import type { Parts } from './parts';

const AGAIN = 'Try Again';

/** Ask for address and key, test them, save them. */
export async function connectTeam(parts: Parts): Promise<void> {
  let url = parts.configuration.url;
  for (;;) {
    const entered = await enter(url);
    if (entered === undefined) {
      return;
    }
    url = entered.url;
    const checked = await vscode.window.withProgress(
      // Not as a notification: it may be there for a moment only, and of several at once VS Code drops the last, which
      // says how it went.
      { location: vscode.ProgressLocation.Window, title: 'Checking the team backend' },
      () => checkBackend(parts.session, entered.url, entered.key),
    );
    if (checked.ok) {
      await save(parts, entered.url, entered.key);
      return;
    }
    const message = `Not connected: ${checked.message}`;
    if ((await withLogs(vscode.window.showErrorMessage, message, AGAIN)) !== AGAIN) {
      return;
    }
  }
}

/** Go back to the local backend; the team backend's address and key are forgotten. */
export async function useLocal({ configuration, keys }: Parts): Promise<void> {
  const url = configuration.url;
  if (url === '') {
    void vscode.window.showInformationMessage('Pilotfish uses the local backend already.');
    return;
  }
  await configuration.change('backend.model', undefined);
  await configuration.change('backend.url', undefined);
  await keys.forget(url);
}

async function enter(before: string): Promise<{ url: string; key: string } | undefined> {
  const url = await vscode.window.showInputBox({
    title: 'Team backend: address',
    prompt: 'Such as https://models.example.org:8012',
    value: before,
    ignoreFocusOut: true,
    validateInput: addressProblem,
  });
  if (url === undefined) {
    return undefined;
  }
  const key = await vscode.window.showInputBox({
    title: 'Team backend: API key',
    prompt: 'Kept in the secret storage and sent to this address only. Leave it empty if there is none.',
    password: true,
    ignoreFocusOut: true,
    validateInput: keyProblem,
  });
  return key === undefined ? undefined : { url: url.trim(), key: key.trim() };
}

async function save({ configuration, keys }: Parts, url: string, key: string): Promise<void> {
  // The key first: once the address is set, the server asks for both.
  await keys.save(url, key);
  if (configuration.url !== url) {
    // A model of the backend before would only be missed by this one.
    await configuration.change('backend.model', undefined);
  }
  await configuration.change('backend.url', url);
  void vscode.window.showInformationMessage(`Connected to ${url}.`);
}
