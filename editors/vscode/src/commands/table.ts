// Every command with what it does.

import * as vscode from 'vscode';

import { restartBackend, restartServer, startBackend, stopBackend } from './backend';
import { chooseModel } from './choose_model';
import { connectTeam, useLocal } from './connect_team';
import { doctor } from './doctor';
import { install } from './install';
import { menu } from './menu';
import type { Command, Parts } from './parts';
import { showLogs } from './show_logs';
import { toggleCompletions, toggleLanguage } from './toggle';

/** The commands of package.json; the server's own ids are registered by the language client. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  'pilotfish.menu': menu,
  'pilotfish.start': startBackend,
  'pilotfish.stop': stopBackend,
  'pilotfish.restart': restartBackend,
  'pilotfish.restartServer': restartServer,
  'pilotfish.chooseModel': chooseModel,
  'pilotfish.connectTeam': connectTeam,
  'pilotfish.useLocal': useLocal,
  'pilotfish.toggleCompletions': toggleCompletions,
  'pilotfish.toggleLanguage': toggleLanguage,
  'pilotfish.showLogs': showLogs,
  'pilotfish.doctor': doctor,
  'pilotfish.install': install,
};

/** Register them all. */
export function registerCommands(parts: Parts): vscode.Disposable {
  return vscode.Disposable.from(
    ...Object.entries(COMMANDS).map(([id, command]) =>
      vscode.commands.registerCommand(id, () => command(parts)),
    ),
  );
}
