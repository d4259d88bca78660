// The wiring: what there is, and what leads where.

import * as vscode from 'vscode';

import { watchServer } from './alarms';
import { offerInstall } from './commands/install';
import { registerCommands } from './commands/table';
import { Configuration } from './configuration';
import { watchCursor } from './cursor';
import { Place } from './place';
import { Session } from './session';
import { SECTION } from './settings';
import { showStatus } from './status_bar';
import { TeamKeys } from './team_keys';

let session: Session | undefined;

/** Called by VS Code when the first text document is opened, or a command of ours is used. */
export function activate(context: vscode.ExtensionContext): void {
  const keys = new TeamKeys(context.secrets);
  const configuration = new Configuration(context.extension, keys);
  const log = vscode.window.createOutputChannel('Pilotfish', { log: true });
  const place = new Place(context, configuration);
  const running = (session = new Session(place, configuration, log));
  const parts = { context, session: running, configuration, place, keys, log };
  const begin = async (): Promise<void> => {
    // Nothing is started for somebody who has switched it off.
    if (configuration.enabled && !(await running.start())) {
      await offerInstall(parts);
    }
  };
  context.subscriptions.push(
    log,
    running,
    showStatus(running, configuration),
    watchServer(parts),
    watchCursor((method, params) => running.notify(method, params)),
    registerCommands(parts),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(`${SECTION}.server.path`)) {
        void running.stop().then(begin);
      } else if (event.affectsConfiguration(`${SECTION}.enable`)) {
        void begin().then(() => running.settingsChanged());
      } else if (event.affectsConfiguration(SECTION)) {
        void running.settingsChanged();
      }
    }),
    context.secrets.onDidChange(() => running.settingsChanged()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => running.restart()),
  );
  void begin();
}

/** Called by VS Code when the window closes; it waits for the promise. */
export async function deactivate(): Promise<void> {
  await session?.stop();
}
