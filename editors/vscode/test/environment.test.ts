import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cleanEnvironment, isWithin } from '../src/server/environment';

test('variables by which a workspace could bring code in are left out', () => {
  const environment = {
    HOME: '/home/ada',
    PATH: '/work/project/bin:/usr/bin:relative::/work/project-2/bin',
    PYTHONPATH: '/work/project',
    PYTHONSTARTUP: '/work/project/start.py',
    PYTHONHOME: '/work',
    PYTHONUTF8: '1',
    PILOTFISH_LOG_LEVEL: 'debug',
  };
  assert.deepEqual(cleanEnvironment(environment, ['/work/project']), {
    HOME: '/home/ada',
    PATH: '/usr/bin:/work/project-2/bin',
    PYTHONSAFEPATH: '1',
    PYTHONUTF8: '1',
    PILOTFISH_LOG_LEVEL: 'debug',
  });
});

test('a folder is within itself and its parents, not within its namesakes', () => {
  assert.equal(isWithin('/a/b', '/a/b'), true);
  assert.equal(isWithin('/a/b/c', '/a/b'), true);
  assert.equal(isWithin('/a/b/..c', '/a/b'), true);
  assert.equal(isWithin('/a/bc', '/a/b'), false);
  assert.equal(isWithin('/a', '/a/b'), false);
});
