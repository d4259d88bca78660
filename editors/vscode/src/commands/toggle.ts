// Switching completions off and on: all of them, or those in one language.

import * as vscode from 'vscode';

import { DOCUMENTS } from '../client';
import type { Parts } from './parts';

/** Switch completions off or on, in all windows. */
export async function toggleCompletions({ configuration }: Parts): Promise<void> {
  // Unset rather than true: then it is the default again.
  await configuration.change('enable', configuration.enabled ? false : undefined);
}

/** Switch completions off or on for the active editor's language. */
export async function toggleLanguage({ configuration }: Parts): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined || vscode.languages.match(DOCUMENTS, document) === 0) {
    void vscode.window.showInformationMessage('Open a file in the language that you mean.');
    return;
  }
  const language = document.languageId;
  const disabled = configuration.disabledLanguages;
  const rest = disabled.filter((other) => other !== language);
  await configuration.change(
    'languages.disabled',
    rest.length < disabled.length ? rest : [...disabled, language],
  );
}
