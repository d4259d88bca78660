// Where the language server is. Pure: what is executable comes in as a function.

import * as path from 'node:path';

import { isWithin, safePath, type Environment } from './environment';

/** All that the search depends on. */
export interface Surroundings {
  /** The setting pilotfish.server.path; empty: not set. */
  readonly configured: string;
  readonly environment: Environment;
  /** The user's home folder. */
  readonly home: string;
  /** The environment that this extension has made, if any. */
  readonly ownEnvironment: string | undefined;
  /** The workspace's folders: nothing in them is ever started. */
  readonly workspace: readonly string[];
  readonly isExecutable: (file: string) => boolean;
  /** The file itself, links followed. */
  readonly realPath: (file: string) => string;
}

/** Where a server is, or why the configured one can't be used. */
export type Found =
  { readonly kind: 'found'; readonly path: string } | { readonly kind: 'missing'; readonly reason?: string };

/** Find the server: the setting, PATH, where uv and pipx put programs, the README's place, and our own. */
export function findServer(around: Surroundings): Found {
  if (around.configured !== '') {
    return configuredServer(around);
  }
  const folders = [
    ...safePath(around.environment['PATH'], around.workspace),
    path.join(around.home, '.local', 'bin'),
    path.join(around.home, '.local', 'share', 'pilotfish', 'bin'),
    ...(around.ownEnvironment === undefined ? [] : [path.join(around.ownEnvironment, 'bin')]),
  ];
  const found = findProgram('pilotfish', folders, around);
  return found === undefined ? { kind: 'missing' } : { kind: 'found', path: found };
}

/** The first executable of that name outside the workspace, links included; undefined when there is none. */
export function findProgram(
  name: string,
  folders: readonly string[],
  around: Pick<Surroundings, 'workspace' | 'isExecutable' | 'realPath'>,
): string | undefined {
  return folders
    .map((folder) => path.join(folder, name))
    .find(
      (file) =>
        around.isExecutable(file) &&
        !around.workspace.some((folder) => isWithin(around.realPath(file), folder)),
    );
}

/** The backend's program beside a server; links are followed where it is not beside the link. */
export function backendBeside(
  server: string,
  around: Pick<Surroundings, 'isExecutable' | 'realPath'>,
): string | undefined {
  return [server, around.realPath(server)]
    .map((file) => path.join(path.dirname(file), 'pilotfish-backend'))
    .find((file) => around.isExecutable(file));
}

function configuredServer(around: Surroundings): Found {
  const file = around.configured.replace(/^~(?=\/|$)/, around.home);
  if (!path.isAbsolute(file)) {
    return missing(`pilotfish.server.path must be a full path, and ${around.configured} is not`);
  }
  if (!around.isExecutable(file)) {
    return missing(`pilotfish.server.path names ${file}, which is not a program that can be run`);
  }
  return { kind: 'found', path: file };
}

function missing(reason: string): Found {
  return { kind: 'missing', reason };
}
