// The status bar item: what `status.ts` says, drawn.

import * as vscode from 'vscode';

import { DOCUMENTS } from './client';
import type { Configuration } from './configuration';
import type { Session } from './session';
import { draw } from './status';

/** Shows the state at the right end of the status bar, as long as it lives. */
export function showStatus(session: Session, configuration: Configuration): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('pilotfish.status', vscode.StatusBarAlignment.Right, 100);
  item.name = 'Pilotfish';
  item.command = 'pilotfish.menu';
  const update = (): void => {
    const drawn = draw({
      server: session.server,
      backend: session.backend,
      enabled: configuration.enabled,
      silentLanguage: silentLanguage(configuration),
    });
    // For the walkthrough: its first step is done when there is a server.
    void vscode.commands.executeCommand('setContext', 'pilotfish.running', session.server.kind === 'running');
    item.text = `$(${drawn.icon}) ${drawn.text}`;
    item.tooltip = drawn.tooltip;
    item.backgroundColor = drawn.alarming
      ? new vscode.ThemeColor('statusBarItem.errorBackground')
      : undefined;
    item.accessibilityInformation = { label: `${drawn.text}. ${drawn.tooltip}`, role: 'button' };
  };
  update();
  item.show();
  return vscode.Disposable.from(
    item,
    session.onDidChange(update),
    vscode.workspace.onDidChangeConfiguration(update),
    vscode.window.onDidChangeActiveTextEditor(update),
  );
}

/** The active editor's language, if nothing is suggested in it. */
export function silentLanguage(configuration: Configuration): string | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document !== undefined &&
    vscode.languages.match(DOCUMENTS, document) > 0 &&
    configuration.disabledLanguages.includes(document.languageId)
    ? document.languageId
    : undefined;
}
