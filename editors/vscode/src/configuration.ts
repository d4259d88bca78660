// The user's settings, read where VS Code keeps them: settings, and the key of a team backend in the secret storage.

import * as vscode from 'vscode';

import { SECTION, at, serverSettings, treeOf, withValue, type Tree } from './settings';
import type { TeamKeys } from './team_keys';

/** Reads and changes this extension's settings. */
export class Configuration {
  private readonly names: readonly string[];

  constructor(
    extension: vscode.Extension<unknown>,
    private readonly keys: TeamKeys,
  ) {
    this.names = serverSettings(declaredSettings(extension.packageJSON));
  }

  /** What is set of the server's settings; never a key. */
  get tree(): Tree {
    const settings = this.section;
    return treeOf(this.names, (name) => settings.inspect(name) ?? {});
  }

  /** The same, with the key that was saved for exactly this address: it goes nowhere else. */
  async treeWithKey(): Promise<Tree> {
    const tree = this.tree;
    const url = at(tree, 'backend.url');
    const key = typeof url === 'string' && url !== '' ? await this.keys.get(url) : undefined;
    return key === undefined ? tree : withValue(tree, 'backend.apiKey', key);
  }

  /** Whether anything is to be suggested at all. */
  get enabled(): boolean {
    return this.section.get<boolean>('enable', true);
  }

  /** Where the user says that the server is; empty: to be looked for. */
  get serverPath(): string {
    return this.section.get<string>('server.path', '').trim();
  }

  /** Address of the team backend that is set here; empty: none. */
  get url(): string {
    return this.section.get<string>('backend.url', '').trim();
  }

  /** Name of the model that is set here; empty: none. */
  get model(): string {
    return this.section.get<string>('backend.model', '').trim();
  }

  /** Languages in which nothing is suggested. */
  get disabledLanguages(): readonly string[] {
    return this.section.get<string[]>('languages.disabled', []);
  }

  /** Change a setting where it is set, or else in the user's own settings; undefined removes it. */
  async change(name: string, value: unknown): Promise<void> {
    const section = this.section;
    const found = section.inspect(name);
    const inWorkspace = found?.workspaceValue !== undefined;
    await section.update(
      name,
      value,
      inWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global,
    );
  }

  private get section(): vscode.WorkspaceConfiguration {
    // The server has one root, the first folder.
    return vscode.workspace.getConfiguration(SECTION, vscode.workspace.workspaceFolders?.[0]?.uri ?? null);
  }
}

function declaredSettings(manifest: unknown): string[] {
  const { contributes } = manifest as { contributes: { configuration: { properties: object }[] } };
  return contributes.configuration.flatMap((part) => Object.keys(part.properties));
}
