// Runs a program to its end: by argument list, never through a shell, and ended with all that it started.

import { spawn, type ChildProcess } from 'node:child_process';

/** A program, and where and how it runs. */
export interface Run {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** What a program said, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** As much of VS Code's CancellationToken as is needed here. */
export interface Cancel {
  readonly isCancellationRequested: boolean;
  onCancellationRequested(listener: () => void): { dispose(): unknown };
}

/** Thrown when the user has cancelled. */
export class Cancelled extends Error {
  constructor() {
    super('cancelled');
  }
}

const MOST = 1 << 20;
/** Milliseconds that a program has to end after it was asked to. */
const GRACE = 3000;

/** Run a program; each line that it writes goes to `onLine`. Rejects with `Cancelled`, or when it can't be started. */
export function run(
  what: Run,
  cancel: Cancel,
  onLine: (line: string) => void = () => undefined,
): Promise<Ended> {
  if (cancel.isCancellationRequested) {
    return Promise.reject(new Cancelled());
  }
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it starts (pip's build programs) can be ended with it.
    const child = spawn(what.program, [...what.args], {
      cwd: what.cwd,
      env: what.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const said = { output: '', errors: '' };
    gather(child.stdout, (text) => (said.output = (said.output + text).slice(-MOST)), onLine);
    gather(child.stderr, (text) => (said.errors = (said.errors + text).slice(-MOST)), onLine);
    const listener = cancel.onCancellationRequested(() => {
      end(child);
    });
    child.once('error', (error) => {
      listener.dispose();
      reject(error);
    });
    child.once('close', (code) => {
      listener.dispose();
      if (cancel.isCancellationRequested) {
        reject(new Cancelled());
      } else {
        resolve({ code, ...said });
      }
    });
  });
}

/** The last thing that a failed program said that is worth showing. */
export function lastWords(ended: Ended): string {
  const lines = `${ended.output}\n${ended.errors}`.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !line.startsWith('[notice]'));
  const error = telling.findLast((line) => /^(error|ERROR|fatal)\b/.test(line));
  return error ?? telling.at(-1) ?? `it ended with status ${ended.code}`;
}

function gather(
  stream: NodeJS.ReadableStream,
  keep: (text: string) => void,
  onLine: (line: string) => void,
): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    keep(text);
    const lines = (rest + text).split(/[\r\n]+/);
    rest = lines.pop() ?? '';
    lines.filter((line) => line.trim() !== '').forEach(onLine);
  });
}

function end(child: ChildProcess): void {
  signal(child, 'SIGTERM');
  const timer = setTimeout(() => {
    signal(child, 'SIGKILL');
  }, GRACE);
  child.once('close', () => {
    clearTimeout(timer);
  });
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) {
    return;
  }
  try {
    process.kill(-child.pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
