import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';

import { whyFailed } from '../src/server/failure';
import { readProgress, waysToInstall, type Tools } from '../src/server/install';
import { OwnEnvironments } from '../src/server/own_environments';

const NONE: Tools = { uv: undefined, pipx: undefined, python: undefined };
const WHEEL = { wheel: '/ext/a b/wheel/pilotfish-0.1.0-py3-none-any.whl', version: '0.1.0' };
const FILE = 'file:///ext/a%20b/wheel/pilotfish-0.1.0-py3-none-any.whl';

const labels = (tools: Partial<Tools>): string[] =>
  waysToInstall({ ...NONE, ...tools }, WHEEL, '/env').map((way) => way.label);

test('only ways that this machine has programs for are offered', () => {
  assert.deepEqual(labels({}), []);
  assert.deepEqual(labels({ uv: '/uv' }), ['uv tool']);
  assert.deepEqual(labels({ pipx: '/pipx' }), []);
  assert.deepEqual(labels({ uv: '/uv', pipx: '/pipx', python: '/py' }), [
    'Private environment',
    'uv tool',
    'pipx',
    'Private environment, without a local model',
  ]);
});

test('each way installs the wheel that came along, wherever it lies', () => {
  const ways = waysToInstall({ uv: '/uv', pipx: '/pipx', python: '/py' }, WHEEL, '/env');
  assert.deepEqual(
    ways.map((way) => way.steps.at(-1)?.args.at(-1)),
    [
      `pilotfish[local] @ ${FILE}`,
      `pilotfish[local] @ ${FILE}`,
      `pilotfish[local] @ ${FILE}`,
      `pilotfish @ ${FILE}`,
    ],
  );
});

test('without a wheel it comes from the package index, in a version that fits', () => {
  const [way] = waysToInstall({ ...NONE, uv: '/uv' }, { wheel: undefined, version: '0.1.0' }, '/env');
  assert.equal(way?.steps[0]?.args.at(-1), 'pilotfish[local]>=0.1.0');
});

test("nothing of Python's path is taken from where the installer runs", () => {
  const [way] = waysToInstall({ ...NONE, python: '/py' }, WHEEL, '/env');
  assert.deepEqual(
    way?.steps.map((step) => [step.program, step.args[0]]),
    [
      ['/py', '-I'],
      ['/env/bin/python', '-I'],
    ],
  );
});

test("installers' lines are told in short", () => {
  const check = (line: string, expected: string | undefined): void => {
    assert.equal(readProgress(line), expected);
  };
  check('  Downloading httpx_sse-0.4.3-py3-none-any.whl (9.0 kB)', 'downloading httpx_sse (9.0 kB)');
  check(
    'Downloading xllamacpp-2026.10-cp310-abi3-manylinux2014_x86_64.whl (24.5 MB)',
    'downloading xllamacpp (24.5 MB)',
  );
  check('Downloading pydantic-core (2.0MiB)', 'downloading pydantic-core (2.0MiB)');
  check('Collecting cattrs>=25.1', 'collecting cattrs>=25.1');
  check('Collecting pilotfish @ file:///ext/wheel/pilotfish.whl', 'collecting pilotfish');
  check('Installing collected packages: a, b, c', 'installing');
  check('Resolved 40 packages in 1.2s', 'resolved 40 packages in 1.2s');
  check('Requirement already satisfied: pip', undefined);
});

test('a failure is told in words that say what to do', () => {
  const check = (errors: string, expected: RegExp): void => {
    assert.match(whyFailed({ code: 1, output: '', errors }), expected);
  };
  const unreachable = "WARNING: Retrying after connection broken by 'NewConnectionError(…)'";
  check(`${unreachable}\nERROR: No matching distribution found for cattrs>=25.1`, /can’t be reached/);
  check('error: Failed to fetch: `https://…`\n  Caused by: dns error', /can’t be reached/);
  check(
    'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device',
    /disk is full/,
  );
  check('ERROR: No matching distribution found for xllamacpp>=2026.4', /without a local model/);
  check('ERROR: something new', /^ERROR: something new$/);
});

test('an environment counts once it is complete; the one before stays, older ones go', async () => {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'pilotfish-environments-')), 'environments');
  const environments = new OwnEnvironments(folder);
  assert.equal(environments.newest, undefined);
  const made: string[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const next = environments.next();
    mkdirSync(next, { recursive: true });
    assert.equal(environments.newest, made.at(-1), 'it is not complete yet');
    await environments.completed(next);
    assert.equal(environments.newest, next);
    made.push(next);
  }
  assert.deepEqual(
    made.map((environment) => existsSync(environment)),
    [false, true, true],
  );
});

test('an installation that stopped half way leaves the one before in force', async () => {
  const environments = new OwnEnvironments(mkdtempSync(path.join(tmpdir(), 'pilotfish-environments-')));
  const first = environments.next();
  mkdirSync(first);
  await environments.completed(first);
  const second = environments.next();
  mkdirSync(second);
  assert.equal(environments.newest, first);
  assert.notEqual(environments.next(), second);
  await environments.remove(second);
  assert.equal(environments.newest, first);
});
