// The doctor: the server's own check of the installation, under the settings of this window.

import * as vscode from 'vscode';

import { Cancelled, run } from '../server/run';
import { asVariables } from '../variables';
import { offerInstall } from './install';
import type { Parts } from './parts';

let channel: vscode.OutputChannel | undefined;

/** Run it and show what it found. */
export async function doctor(parts: Parts): Promise<void> {
  const { place, configuration } = parts;
  const server = place.find();
  if (server.kind === 'missing') {
    await offerInstall(parts);
    return;
  }
  await place.prepare();
  const folder = vscode.workspace.isTrusted ? place.workspace[0] : undefined;
  const what = {
    program: server.path,
    args: ['doctor'],
    // It looks for the workspace's file where it runs. Python does not look for modules there: PYTHONSAFEPATH.
    cwd: folder ?? place.storage,
    env: { ...place.environment, ...asVariables(await configuration.treeWithKey()) },
  };
  try {
    const ended = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: 'Checking Pilotfish', cancellable: true },
      (_, cancel) => run(what, cancel),
    );
    channel ??= vscode.window.createOutputChannel('Pilotfish Doctor');
    channel.replace(ended.output + ended.errors);
    channel.show();
  } catch (error) {
    if (!(error instanceof Cancelled)) {
      throw error;
    }
  }
}
