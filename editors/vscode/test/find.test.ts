import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backendBeside, findServer, type Surroundings } from '../src/server/find';

const HOME = '/home/ada';
const OWN = '/storage/environments/1';

function around(programs: string[], more: Partial<Surroundings> = {}): Surroundings {
  return {
    configured: '',
    environment: { PATH: '/usr/bin:/opt/bin' },
    home: HOME,
    ownEnvironment: OWN,
    workspace: ['/work/project'],
    isExecutable: (file) => programs.includes(file),
    realPath: (file) => file,
    ...more,
  };
}

const check = (programs: string[], expected: string | undefined, more: Partial<Surroundings> = {}): void => {
  const found = findServer(around(programs, more));
  assert.deepEqual(found, expected === undefined ? { kind: 'missing' } : { kind: 'found', path: expected });
};

test('nothing is found where nothing is', () => {
  check([], undefined);
});

test('the places are looked at in their order', () => {
  const places = [
    '/usr/bin/pilotfish',
    '/opt/bin/pilotfish',
    `${HOME}/.local/bin/pilotfish`,
    `${HOME}/.local/share/pilotfish/bin/pilotfish`,
    `${OWN}/bin/pilotfish`,
  ];
  places.forEach((place, index) => {
    check(places.slice(index), place);
  });
});

test('without an environment of our own the rest is looked at', () => {
  check([`${HOME}/.local/bin/pilotfish`], `${HOME}/.local/bin/pilotfish`, { ownEnvironment: undefined });
});

test('a program of the workspace is never started, whatever PATH says', () => {
  const environment = { PATH: '/work/project/.venv/bin:.::bin:/work/project' };
  check(
    ['/work/project/.venv/bin/pilotfish', '/work/project/pilotfish', 'pilotfish', 'bin/pilotfish'],
    undefined,
    {
      environment,
    },
  );
});

test('nor one that a link outside leads to', () => {
  check(['/usr/bin/pilotfish', '/opt/bin/pilotfish'], '/opt/bin/pilotfish', {
    realPath: (file) => (file === '/usr/bin/pilotfish' ? '/work/project/evil' : file),
  });
});

test('the setting outranks all, with ~ for the home folder', () => {
  check(['/usr/bin/pilotfish', `${HOME}/mine/pilotfish`], `${HOME}/mine/pilotfish`, {
    configured: '~/mine/pilotfish',
  });
});

test('a wrong setting is told, and nothing else taken in its place', () => {
  const refused = (configured: string, reason: RegExp): void => {
    const found = findServer(around(['/usr/bin/pilotfish', 'bin/pilotfish'], { configured }));
    assert.equal(found.kind, 'missing');
    assert.match('reason' in found ? found.reason : '', reason);
  };
  refused('/no/such', /server\.path.*\/no\/such/);
  refused('bin/pilotfish', /full path/);
});

test('the backend is beside the server, or beside what the link to it means', () => {
  assert.equal(
    backendBeside('/opt/bin/pilotfish', around(['/opt/bin/pilotfish-backend'])),
    '/opt/bin/pilotfish-backend',
  );
  const linked = around(['/tools/bin/pilotfish-backend'], { realPath: () => '/tools/bin/pilotfish' });
  assert.equal(backendBeside('/opt/bin/pilotfish', linked), '/tools/bin/pilotfish-backend');
  assert.equal(backendBeside('/opt/bin/pilotfish', around([])), undefined);
});
