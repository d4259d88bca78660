import assert from 'node:assert/strict';
import { test } from 'node:test';

import { menuLines, type MenuSituation } from '../src/commands/menu_lines';
import type { BackendStatus } from '../src/status';

test('the menu has what makes sense now', () => {
  const backend: BackendStatus = { state: 'ready', message: '', model: 'm', backend: 'local' };
  const now: MenuSituation = {
    server: { kind: 'running' },
    backend,
    enabled: true,
    url: '',
    language: 'python',
    silent: false,
  };
  const commands = (more: Partial<MenuSituation>): string[] =>
    menuLines({ ...now, ...more }).map((line) => line.command.replace('pilotfish.', ''));
  const rest = ['chooseModel', 'connectTeam', 'showLogs', 'doctor', 'workbench.action.openSettings'];
  assert.deepEqual(commands({}), ['stop', 'restart', 'toggleCompletions', 'toggleLanguage', ...rest]);
  assert.equal(commands({ backend: { ...backend, state: 'off' } })[0], 'start');
  assert.equal(commands({ server: { kind: 'failed', reason: 'x' } })[0], 'restartServer');
  assert.equal(commands({ server: { kind: 'missing' } })[0], 'install');
  assert.equal(commands({ enabled: false })[0], 'toggleCompletions');
  const remote = commands({ url: 'http://a', backend: { ...backend, backend: 'remote' } });
  assert.equal(remote.includes('stop'), false);
  assert.equal(remote.includes('useLocal'), true);
});
