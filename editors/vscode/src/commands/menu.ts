// The menu of the status bar item: what can be done now.

import * as vscode from 'vscode';

import { SECTION } from '../settings';
import { silentLanguage } from '../status_bar';
import { menuLines } from './menu_lines';
import type { Parts } from './parts';

/** Show what can be done now, and do it. */
export async function menu({ session, configuration }: Parts): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  const lines = menuLines({
    server: session.server,
    backend: session.backend,
    enabled: configuration.enabled,
    url: configuration.url,
    language,
    silent: silentLanguage(configuration) !== undefined,
  });
  const items = lines.map((line) => ({ ...line, label: `$(${line.icon}) ${line.label}` }));
  const chosen = await vscode.window.showQuickPick(items, { title: 'Pilotfish' });
  if (chosen !== undefined) {
    const args = chosen.command.startsWith(`${SECTION}.`) ? [] : ['@ext:pilotfish.pilotfish'];
    await vscode.commands.executeCommand(chosen.command, ...args);
  }
}
