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

/** Shows the server's messages. */
export class Messages {
  private readonly repeats = new Repeats();
  private muted = 0;

  /** Show a client's messages from now on; the same trouble again within a minute is only in the log. */
  show(client: LanguageClient): void {
    client.onNotification('window/showMessage', ({ type, message }: ShowMessageParams) => {
      const loud = LOUD[type];
      if (loud !== undefined) {
        client.outputChannel.warn(message);
        if (!this.repeats.isRepeated(message, Date.now())) {
          void withLogs(loud, message);
        }
      } else if (this.muted === 0) {
        void vscode.window.showInformationMessage(message);
      }
    });
  }

  /** Do something without showing what the server informs of meanwhile. Warnings and errors are shown. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    this.muted++;
    try {
      return await work();
    } finally {
      this.muted--;
    }
  }
}

/** Show a message with further choices and a button that shows the logs; what else was chosen comes back. */
export async function withLogs(
  show: Show,
  message: string,
  ...choices: string[]
): Promise<string | undefined> {
  const chosen = await show(message, ...choices, SHOW_LOGS);
  if (chosen === SHOW_LOGS) {
    await vscode.commands.executeCommand('pilotfish.showLogs');
    return undefined;
  }
  return chosen;
}
