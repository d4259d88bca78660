// Where things are on this machine: the server, our own folder, logs, the workspace.

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';

import type { Configuration } from './configuration';
import { cleanEnvironment, safePath } from './server/environment';
import { backendBeside, findProgram, findServer, type Found, type Surroundings } from './server/find';
import { OwnEnvironments } from './server/own_environments';

/** The machine as this extension sees it. */
export class Place {
  /** A folder of ours, where programs are started: never in the workspace. */
  readonly storage: string;
  /** The Python environments that this extension has made. */
  readonly environments: OwnEnvironments;
  /** Where the language server logs. */
  readonly serverLog: string;
  /** The wheel that came with this extension, if it did. */
  readonly wheel: string | undefined;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly configuration: Configuration,
  ) {
    this.storage = context.globalStorageUri.fsPath;
    this.environments = new OwnEnvironments(path.join(this.storage, 'environments'));
    this.serverLog = path.join(context.logUri.fsPath, 'language-server.log');
    this.wheel = wheelIn(path.join(context.extensionPath, 'wheel'));
  }

  /** The language server, or why there is none. */
  find(): Found {
    return findServer(this.surroundings);
  }

  /** The backend's program beside a language server. */
  backendOf(server: string): string | undefined {
    return backendBeside(server, this.surroundings);
  }

  /** A program on PATH that is not the workspace's. */
  program(name: string): string | undefined {
    const around = this.surroundings;
    const folders = [
      ...safePath(process.env['PATH'], around.workspace),
      path.join(around.home, '.local', 'bin'),
    ];
    return findProgram(name, folders, around);
  }

  /** The environment for what we start. */
  get environment(): NodeJS.ProcessEnv {
    return cleanEnvironment(process.env, this.workspace);
  }

  /** The workspace's folders. */
  get workspace(): string[] {
    return (vscode.workspace.workspaceFolders ?? [])
      .filter((folder) => folder.uri.scheme === 'file')
      .map((folder) => folder.uri.fsPath);
  }

  /** Make the folders that are needed. */
  async prepare(): Promise<void> {
    await fs.promises.mkdir(this.storage, { recursive: true });
    await fs.promises.mkdir(this.context.logUri.fsPath, { recursive: true });
  }

  private get surroundings(): Surroundings {
    return {
      configured: this.configuration.serverPath,
      environment: process.env,
      home: os.homedir(),
      ownEnvironment: this.environments.newest,
      workspace: this.workspace.map(realPath),
      isExecutable,
      realPath,
    };
  }
}

function wheelIn(folder: string): string | undefined {
  try {
    const name = fs.readdirSync(folder).find((file) => file.endsWith('.whl'));
    return name === undefined ? undefined : path.join(folder, name);
  } catch {
    return undefined;
  }
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function realPath(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return file;
  }
}
