import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  at,
  needsRestart,
  serverSettings,
  startOptions,
  treeOf,
  valueOf,
  withValue,
  type Inspected,
} from '../src/settings';

const check = (set: Record<string, Inspected>, expected: object): void => {
  assert.deepEqual(
    treeOf(['backend.url', 'completion.maxLines', 'exclude', 'log.level'], (name) => set[name] ?? {}),
    expected,
  );
};

test('what nobody has set is not sent, so that no default outranks the config.toml', () => {
  check({}, {});
});

test('what is set to its default is sent: somebody has said so', () => {
  check({ 'log.level': { globalValue: 'info' } }, { log: { level: 'info' } });
});

test('the narrower scope wins', () => {
  check({ 'completion.maxLines': { globalValue: 3, workspaceValue: 5 } }, { completion: { maxLines: 5 } });
  check(
    { 'completion.maxLines': { workspaceValue: 5, workspaceFolderValue: 7 } },
    { completion: { maxLines: 7 } },
  );
});

test('null means that it is not set', () => {
  check({ 'completion.maxLines': { globalValue: 3, workspaceValue: null } }, { completion: { maxLines: 3 } });
});

test('excluded files of all scopes count', () => {
  check(
    { exclude: { globalValue: ['private/**'], workspaceValue: ['*.sql'] } },
    { exclude: ['private/**', '*.sql'] },
  );
});

test('false and zero are values', () => {
  assert.equal(valueOf('backend.autostart', { globalValue: true, workspaceValue: false }), false);
  assert.equal(valueOf('completion.delay', { globalValue: 0 }), 0);
});

test("the extension's own settings are not the server's", () => {
  const declared = ['pilotfish.enable', 'pilotfish.server.path', 'pilotfish.log.level', 'a.b'];
  assert.deepEqual(serverSettings(declared), ['log.level']);
});

test('only what the server offers by is told at its start: the rest must be possible to unset', () => {
  const tree = { backend: { url: 'http://a' }, completion: { mode: 'menu', maxLines: 2 } };
  assert.deepEqual(startOptions(tree, true), { workspaceTrusted: true, completion: { mode: 'menu' } });
  assert.deepEqual(startOptions({}, false), { workspaceTrusted: false });
});

test('a server is started again for what it is told at its start, and for nothing else', () => {
  assert.equal(needsRestart({}, { completion: { mode: 'both' } }), true);
  assert.equal(
    needsRestart({ completion: { mode: 'both' } }, { completion: { mode: 'both', maxLines: 1 } }),
    false,
  );
});

test('a value is put in without touching the tree that it came from', () => {
  const tree = { backend: { url: 'http://a' } };
  assert.deepEqual(withValue(tree, 'backend.apiKey', 'k'), { backend: { url: 'http://a', apiKey: 'k' } });
  assert.deepEqual(tree, { backend: { url: 'http://a' } });
  assert.equal(at(tree, 'backend.apiKey'), undefined);
  assert.equal(at(tree, 'backend.url.more'), undefined);
});
