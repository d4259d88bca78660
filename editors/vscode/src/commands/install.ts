// Installing the language server: an offer, a choice of ways, progress that can be cancelled, and a clear end.

import * as vscode from 'vscode';

import { withLogs } from '../messages';
import { findPython } from '../server/python';
import { whyFailed } from '../server/failure';
import { Cancelled, run } from '../server/run';
import { readProgress, waysToInstall, type Way } from '../server/install';
import type { Parts } from './parts';

const INSTALL = 'Install…';
const SET_PATH = 'Set Path…';

/** What was offered or told in this window. */
const told = new Set<string>();

/** Offer to install the server, or tell that the setting is wrong; once in a window each. */
export async function offerInstall(parts: Parts): Promise<void> {
  const found = parts.place.find();
  if (found.kind === 'found') {
    return;
  }
  const wrong = found.reason;
  const message = wrong ?? 'Pilotfish needs its language server, which was not found on this machine.';
  if (told.has(message)) {
    return;
  }
  told.add(message);
  const show = wrong === undefined ? vscode.window.showInformationMessage : vscode.window.showErrorMessage;
  const chosen = await show(message, ...(wrong === undefined ? [INSTALL, SET_PATH, 'Not Now'] : [SET_PATH]));
  if (chosen === INSTALL) {
    await install(parts);
  } else if (chosen === SET_PATH) {
    await vscode.commands.executeCommand('workbench.action.openSettings', 'pilotfish.server.path');
  }
}

/** Let the user choose a way, and install; afterwards the server is started. */
export async function install(parts: Parts): Promise<void> {
  const ways = await waysHere(parts);
  if (ways.length === 0) {
    const needs =
      'Pilotfish needs Python 3.11 or newer with its venv module, or uv, and found neither on this machine.';
    void vscode.window.showErrorMessage(needs);
    return;
  }
  const chosen = await vscode.window.showQuickPick(ways, {
    title: 'Install the Pilotfish language server',
    placeHolder: 'Where to? What it needs is downloaded from the Python package index',
  });
  if (chosen === undefined) {
    return;
  }
  try {
    const runs = await parts.session.replace(() => installBy(parts, chosen));
    if (runs) {
      void vscode.window.showInformationMessage('Pilotfish is installed.');
    }
  } catch (error) {
    if (!(error instanceof Cancelled)) {
      const reason = error instanceof Error ? error.message : String(error);
      await withLogs(vscode.window.showErrorMessage, `Pilotfish could not be installed: ${reason}`);
    }
  }
}

async function installBy(parts: Parts, way: Way): Promise<void> {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'Installing Pilotfish', cancellable: true },
    (progress, cancel) => follow(parts, way, progress, cancel),
  );
}

async function waysHere({ place, context }: Parts): Promise<Way[]> {
  await place.prepare();
  const tools = {
    uv: place.program('uv'),
    pipx: place.program('pipx'),
    python: await findPython((name) => place.program(name), { cwd: place.storage, env: place.environment }),
  };
  const { version } = context.extension.packageJSON as { version: string };
  return waysToInstall(tools, { wheel: place.wheel, version }, place.environments.next());
}

/** Do a way's steps; what they leave behind when they fail is removed. */
async function follow(
  { place, log }: Parts,
  way: Way,
  progress: vscode.Progress<{ message: string }>,
  cancel: vscode.CancellationToken,
): Promise<void> {
  const heard = (line: string): void => {
    log.info(line);
    const message = readProgress(line);
    if (message !== undefined) {
      progress.report({ message });
    }
  };
  try {
    for (const step of way.steps) {
      progress.report({ message: step.saying });
      log.info(`running ${[step.program, ...step.args].join(' ')}`);
      const ended = await run({ ...step, cwd: place.storage, env: place.environment }, cancel, heard);
      if (ended.code !== 0) {
        throw new Error(whyFailed(ended));
      }
    }
    if (way.environment !== undefined) {
      await place.environments.completed(way.environment);
    }
  } catch (error) {
    if (way.environment !== undefined) {
      await place.environments.remove(way.environment);
    }
    throw error;
  }
}
