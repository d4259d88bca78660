// The environment for programs that we start: nothing in it lets a workspace run code in them. Pure.

import * as path from 'node:path';

/** What may stay of Python's variables; the rest names folders, modules or programs. */
const KEPT_PYTHON = new Set(['PYTHONUTF8', 'PYTHONIOENCODING', 'PYTHONCOERCECLOCALE', 'PYTHONNOUSERSITE']);

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Copy an environment for a Python program of ours. Tools that set variables by folder may have put the workspace into
 * PATH or PYTHONPATH; a module or program of the workspace's must not run with us.
 */
export function cleanEnvironment(environment: Environment, workspace: readonly string[]): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) => !name.startsWith('PYTHON') || KEPT_PYTHON.has(name),
  );
  return {
    ...Object.fromEntries(kept),
    PATH: safePath(environment['PATH'], workspace).join(path.delimiter),
    PYTHONSAFEPATH: '1',
  };
}

/** The entries of a PATH without those that are relative or lie in the workspace. */
export function safePath(entries: string | undefined, workspace: readonly string[]): string[] {
  return (entries ?? '')
    .split(path.delimiter)
    .filter((entry) => path.isAbsolute(entry) && !workspace.some((folder) => isWithin(entry, folder)));
}

/** Whether a path is a folder or lies in it. */
export function isWithin(entry: string, folder: string): boolean {
  const relative = path.relative(folder, entry);
  return (
    relative === '' ||
    (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative))
  );
}
