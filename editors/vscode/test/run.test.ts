import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';

import { Cancelled, lastWords, run, type Cancel } from '../src/server/run';

const cwd = mkdtempSync(path.join(tmpdir(), 'pilotfish-run-'));

class Switch implements Cancel {
  isCancellationRequested = false;
  private listeners: (() => void)[] = [];

  onCancellationRequested(listener: () => void): { dispose(): void } {
    this.listeners.push(listener);
    return { dispose: () => (this.listeners = this.listeners.filter((other) => other !== listener)) };
  }

  cancel(): void {
    this.isCancellationRequested = true;
    this.listeners.forEach((listener) => {
      listener();
    });
  }
}

const node = (code: string, ...args: string[]) => ({
  program: process.execPath,
  args: ['-e', code, ...args],
  cwd,
  env: process.env,
});

test('output, errors, lines and status of a program come back', async () => {
  const lines: string[] = [];
  const what = node(
    'process.stdout.write("one\\rtwo\\nthree\\n"); console.error("four"); process.exitCode = 3',
  );
  const ended = await run(what, new Switch(), (line) => lines.push(line));
  assert.equal(ended.code, 3);
  assert.equal(ended.output, 'one\rtwo\nthree\n');
  assert.deepEqual(lines.toSorted(), ['four', 'one', 'three', 'two']);
});

test('no shell reads the arguments', async () => {
  const ended = await run(node('console.log(process.argv[1])', '$HOME; `id` "x'), new Switch());
  assert.equal(ended.output, '$HOME; `id` "x\n');
});

test('a program that is not there rejects with its name', async () => {
  await assert.rejects(run({ ...node(''), program: '/no/such/program' }, new Switch()), /no\/such\/program/);
});

test('cancelling ends the program and all that it has started', async () => {
  const file = path.join(cwd, 'child');
  const code = `
    const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { stdio: 'inherit' });
    require('fs').writeFileSync(process.argv[1], String(child.pid));
    console.log('begun');
    setInterval(() => 0, 1000);`;
  const cancel = new Switch();
  const running = run(node(code, file), cancel, () => {
    cancel.cancel();
  });
  await assert.rejects(running, Cancelled);
  // Its output is closed only when the last of them is gone; that it is no more is seen all the same.
  const pid = Number(readFileSync(file, 'utf8'));
  const deadline = Date.now() + 10_000;
  while (isAlive(pid) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(isAlive(pid), false);
});

test('what was cancelled before it began is not begun', async () => {
  const cancel = new Switch();
  cancel.cancel();
  await assert.rejects(run(node(''), cancel), Cancelled);
});

test('of a failure the telling line is shown', () => {
  const failed = (output: string, errors: string) => lastWords({ code: 1, output, errors });
  assert.equal(
    failed('Collecting x\n', 'ERROR: No matching distribution\n[notice] newer pip\n'),
    'ERROR: No matching distribution',
  );
  assert.equal(failed('', 'something odd\n'), 'something odd');
  assert.equal(failed('', ''), 'it ended with status 1');
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
