// A Python that is new enough, and that can make environments.

import { run } from './run';

/** The oldest that the server runs on is 3.11; the unversioned names come last, they may be anything. */
const NAMES = ['python3.13', 'python3.12', 'python3.11', 'python3.14', 'python3', 'python'];
const PROBE = 'import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 11) else 1)';
const NEVER = {
  isCancellationRequested: false,
  onCancellationRequested: () => ({ dispose: () => undefined }),
};

/** Find one by its name; `program` finds programs outside the workspace. */
export async function findPython(
  program: (name: string) => string | undefined,
  surroundings: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string | undefined> {
  for (const name of NAMES) {
    const file = program(name);
    if (file !== undefined && (await isGood(file, surroundings))) {
      return file;
    }
  }
  return undefined;
}

async function isGood(file: string, surroundings: { cwd: string; env: NodeJS.ProcessEnv }): Promise<boolean> {
  try {
    // Debian ships a venv module that can't make an environment without its package python3-venv: ensurepip tells.
    return (await run({ program: file, args: ['-I', '-c', PROBE], ...surroundings }, NEVER)).code === 0;
  } catch {
    return false;
  }
}
