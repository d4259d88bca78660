// The ways to install the language server, and what each of them runs. Pure.

import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

/** What is on this machine to install with. */
export interface Tools {
  readonly uv: string | undefined;
  readonly pipx: string | undefined;
  /** A Python of 3.11 or newer. */
  readonly python: string | undefined;
}

/** One step: a program and its arguments. */
export interface Step {
  readonly program: string;
  readonly args: readonly string[];
}

/** A way to install. */
export interface Way {
  readonly label: string;
  readonly description: string;
  readonly steps: readonly Step[];
  /** A folder that is removed when a step fails: half an environment helps nobody. */
  readonly folder?: string;
}

/** What may be installed: a wheel on this machine, or a name for the package index. */
export interface Source {
  /** Full path; undefined: the package index. */
  readonly wheel: string | undefined;
  readonly version: string;
}

/** The ways that this machine offers, the one that touches least first. */
export function waysToInstall(tools: Tools, source: Source, environment: string): Way[] {
  const local = requirement(source, '[local]');
  const { uv, pipx, python } = tools;
  const ways: Way[] = [];
  if (python !== undefined) {
    ways.push({
      label: 'Private environment',
      description: 'in this extension’s own folder, with the local backend',
      ...privateEnvironment(python, environment, local),
    });
  }
  if (uv !== undefined) {
    ways.push({
      label: 'uv tool',
      description: 'for all editors and the shell, with the local backend',
      steps: [{ program: uv, args: ['tool', 'install', '--force', '--python', '>=3.11', local] }],
    });
  }
  if (pipx !== undefined) {
    ways.push({
      label: 'pipx',
      description: 'for all editors and the shell, with the local backend',
      // pipx takes any Python for its own; ours must be new enough.
      steps: [
        { program: pipx, args: ['install', '--force', ...(python ? ['--python', python] : []), local] },
      ],
    });
  }
  if (python !== undefined) {
    ways.push({
      label: 'Private environment, without a local model',
      description: 'for a team backend only: much smaller',
      ...privateEnvironment(python, environment, requirement(source, '')),
    });
  }
  return ways;
}

/** What one line of an installer's output tells a person, or undefined. */
export function readProgress(line: string): string | undefined {
  const found =
    /^\s*(Collecting|Downloading|Building|Preparing|Installing|Resolved|Installed|Created?)\b.*/i.exec(line);
  if (found === null) {
    return undefined;
  }
  const words = line.trim().replace(/ from .*| @ file:.*|\(from .*/, '');
  return words.length > 60 ? `${words.slice(0, 59)}…` : words;
}

function privateEnvironment(python: string, folder: string, what: string): Pick<Way, 'steps' | 'folder'> {
  const own = path.join(folder, 'bin', 'python');
  return {
    folder,
    steps: [
      { program: python, args: ['-I', '-m', 'venv', '--clear', folder] },
      {
        program: own,
        args: [
          '-I',
          '-m',
          'pip',
          'install',
          '--disable-pip-version-check',
          '--no-input',
          '--progress-bar',
          'off',
          what,
        ],
      },
    ],
  };
}

/** What pip, uv and pipx all understand, paths with spaces included. */
function requirement({ wheel, version }: Source, extra: string): string {
  return wheel === undefined
    ? `pilotfish${extra}>=${version}`
    : `pilotfish${extra} @ ${pathToFileURL(wheel).href}`;
}
