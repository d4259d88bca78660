// Choosing the model: from the catalogue of the backend's program, or from what a team backend serves.

import * as vscode from 'vscode';

import { catalogueLines, parseModels, remoteLines, type ModelLine } from '../models';
import { lastWords, run } from '../server/run';
import { checkBackend } from '../team';
import type { Parts } from './parts';

/** Let the user choose, and set it. The server asks before it downloads, and shows how far it is. */
export async function chooseModel(parts: Parts): Promise<void> {
  const { configuration, session } = parts;
  const name = await choose(parts);
  if (name === undefined) {
    return;
  }
  await configuration.change('backend.model', name);
  if (session.backend?.backend !== 'remote' && session.backend?.state !== 'ready') {
    // Whoever chooses a model wants it to run, also after a stop.
    await session.settingsChanged();
    await session.execute('pilotfish.backend.start');
  }
}

async function choose(parts: Parts): Promise<string | undefined> {
  const { configuration, session } = parts;
  if (configuration.url === '' && session.backend?.backend === 'remote') {
    // Its key is not known here, so that it can't be asked for its models.
    return await vscode.window.showInputBox({
      title: 'Choose a model',
      prompt: 'Name of a model of the remote backend, which is set outside VS Code',
      value: session.backend.model,
    });
  }
  const loading = vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: 'Pilotfish: looking for models' },
    (_, cancel) => (configuration.url === '' ? localModels(parts, cancel) : remoteModels(parts)),
  );
  const chosen = await vscode.window.showQuickPick(loading, {
    title: 'Choose a model',
    placeHolder: 'What is not on this machine yet is downloaded after a question',
    matchOnDescription: true,
  });
  return chosen?.name;
}

async function localModels(
  { place, session }: Parts,
  cancel: vscode.CancellationToken,
): Promise<ModelLine[]> {
  const server = place.find();
  const program = server.kind === 'found' ? place.backendOf(server.path) : undefined;
  if (program === undefined) {
    throw new Error('There is no pilotfish-backend beside the language server, so no local models either.');
  }
  await place.prepare();
  const what = { program, args: ['models', '--json'], cwd: place.storage, env: place.environment };
  const ended = await run(what, cancel);
  if (ended.code !== 0) {
    throw new Error(`pilotfish-backend models: ${lastWords(ended)}`);
  }
  return catalogueLines(parseModels(ended.output), session.backend?.model ?? '');
}

async function remoteModels({ configuration, keys, session }: Parts): Promise<ModelLine[]> {
  const checked = await checkBackend(session, configuration.url, (await keys.get(configuration.url)) ?? '');
  if (!checked.ok) {
    throw new Error(checked.message);
  }
  return remoteLines(checked.models, session.backend?.model ?? '');
}
