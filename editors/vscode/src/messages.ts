// The server's messages, as they are; where something is wrong the log is a click away.

import * as vscode from 'vscode';
import { MessageType, type LanguageClient, type ShowMessageParams } from 'vscode-languageclient/node';

import { Repeats } from './repeats';

export const SHOW_LOGS = 'Show Logs';

type Show = (message: string, ...items: string[]) => Thenable<string | undefined>;

/** How loud each type is; what is missing here is an information. */
const LOUD: Partial<Record<MessageType, Show>> = {
  [MessageType.Error]: vscode.window.showErrorMessage,
  [MessageType.Warning]: vscode.window.showWarningMessage,
};

/** Show a client's messages; the same trouble again within a minute is only in the log. */
export function showMessages(client: LanguageClient): void {
  const repeats = new Repeats();
  client.onNotification('window/showMessage', (params: ShowMessageParams) => {
    const loud = LOUD[params.type];
    if (loud === undefined) {
      void vscode.window.showInformationMessage(params.message);
      return;
    }
    client.outputChannel.appendLine(params.message);
    if (!repeats.isRepeated(params.message, Date.now())) {
      void withLogs(loud, params.message);
    }
  });
}

/** Show a message with further choices and a button that shows the logs; what else was chosen comes back. */
export async function withLogs(show: Show, message: string, ...choices: string[]): Promise<string | undefined> {
  const chosen = await show(message, ...choices, SHOW_LOGS);
  if (chosen === SHOW_LOGS) {
    await vscode.commands.executeCommand('pilotfish.showLogs');
    return undefined;
  }
  return chosen;
}
