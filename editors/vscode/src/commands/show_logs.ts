// The logs: this extension's, the language server's, and the local backend's.

import * as fs from 'node:fs';
import * as vscode from 'vscode';

import type { Parts } from './parts';

type Line = vscode.QuickPickItem & { open: () => void | Promise<void> };

/** Let the user choose a log, and show it. */
export async function showLogs(parts: Parts): Promise<void> {
  const lines: Line[] = [
    {
      label: 'Extension',
      description: 'how the language server was started',
      open: () => {
        parts.log.show();
      },
    },
    ...logFile('Language server', parts.place.serverLog),
    ...logFile('Local backend', await backendLog(parts)),
  ];
  const chosen = await vscode.window.showQuickPick(lines, { title: 'Which log?' });
  await chosen?.open();
}

function logFile(label: string, path: string | undefined): Line[] {
  if (path === undefined || !fs.existsSync(path)) {
    return [];
  }
  return [
    {
      label,
      description: path,
      open: async () => {
        await vscode.window.showTextDocument(vscode.Uri.file(path), { preview: true });
      },
    },
  ];
}

async function backendLog({ session }: Parts): Promise<string | undefined> {
  if (session.server.kind !== 'running' || session.backend?.backend === 'remote') {
    return undefined;
  }
  const found = await session.executeQuietly<{ path?: string }>('pilotfish.backend.logs');
  return found?.path === '' ? undefined : found?.path;
}
