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

/** One step: a program, its arguments, and what it does in words. */
export interface Step {
  readonly program: string;
  readonly args: readonly string[];
  readonly saying: string;
}

/** A way to install, as a quick pick shows it. */
export interface Way {
  readonly label: string;
  readonly description: string;
  readonly steps: readonly Step[];
  /** The environment that the steps make, if it is one of ours. */
  readonly environment?: string;
}

/** What is installed: a wheel on this machine, or a name for the package index. */
export interface Source {
  /** Full path; undefined: the package index. */
  readonly wheel: string | undefined;
  readonly version: string;
}

const LOADING = 'downloading what it needs';
const PIP = [
  '-I',
  '-m',
  'pip',
  'install',
  '--disable-pip-version-check',
  '--no-input',
  '--progress-bar',
  'off',
];

/** The ways that this machine offers, the one that touches least first. */
export function waysToInstall(tools: Tools, source: Source, environment: string): Way[] {
  const { uv, pipx, python } = tools;
  const local = requirement(source, '[local]');
  const everywhere = 'for all editors and the shell, with the local backend';
  const ways: Way[] = [];
  if (python !== undefined) {
    ways.push({
      label: 'Private environment',
      description: 'in this extension’s own folder, with the local backend',
      ...privateEnvironment(python, environment, local),
    });
  }
  if (uv !== undefined) {
    const args = ['tool', 'install', '--force', '--python', '>=3.11', local];
    ways.push({
      label: 'uv tool',
      description: everywhere,
      steps: [{ program: uv, args, saying: LOADING }],
    });
  }
  if (pipx !== undefined && python !== undefined) {
    // pipx would take the Python that it runs on itself, which may be too old.
    const args = ['install', '--force', '--python', python, local];
    ways.push({ label: 'pipx', description: everywhere, steps: [{ program: pipx, args, saying: LOADING }] });
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
  const file = /^\s*Downloading (?:\S+\/)?([A-Za-z0-9_.]+?)-\d\S*( \([\d.]+ [kMG]?B\))/.exec(line);
  if (file !== null) {
    return `downloading ${file[1]}${file[2]}`;
  }
  if (/^\s*Installing collected packages/.test(line)) {
    return 'installing';
  }
  const other =
    /^\s*(?:Collecting|Building wheel for|Downloading|Building|Prepared|Resolved|Installed) .*/i.exec(line);
  return other?.[0]
    .trim()
    .replace(/^\w/, (letter) => letter.toLowerCase())
    .replace(/ @ file:.*| \(from .*|;.*/, '')
    .slice(0, 60);
}

function privateEnvironment(
  python: string,
  environment: string,
  what: string,
): Pick<Way, 'steps' | 'environment'> {
  const own = path.join(environment, 'bin', 'python');
  return {
    environment,
    steps: [
      {
        program: python,
        args: ['-I', '-m', 'venv', '--clear', environment],
        saying: 'making the environment',
      },
      { program: own, args: [...PIP, what], saying: LOADING },
    ],
  };
}

/** What pip, uv and pipx all understand, paths with spaces included. */
function requirement({ wheel, version }: Source, extra: string): string {
  return wheel === undefined
    ? `pilotfish${extra}>=${version}`
    : `pilotfish${extra} @ ${pathToFileURL(wheel).href}`;
}
