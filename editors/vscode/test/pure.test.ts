import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Crashes } from '../src/crashes';
import { withDeadline } from '../src/deadline';
import { catalogueLines, bytes, parseModels, remoteLines } from '../src/models';
import { Repeats } from '../src/repeats';
import { isOlder } from '../src/server/version';
import { readChecked } from '../src/team';
import { addressProblem, keyProblem } from '../src/team_input';
import { TeamKeys } from '../src/team_keys';
import { asVariables } from '../src/variables';

test('a server is started again three times in ten minutes, then no more until somebody says so', () => {
  const crashes = new Crashes();
  assert.deepEqual(
    [0, 1, 2, 3].map((minute) => crashes.happened(minute * 60_000)),
    [true, true, true, false],
  );
  crashes.forget();
  assert.equal(crashes.happened(4 * 60_000), true);
});

test('old ends of a server are forgotten', () => {
  const crashes = new Crashes();
  const minutes = [0, 1, 2, 11.5, 12.5];
  assert.deepEqual(
    minutes.map((minute) => crashes.happened(minute * 60_000)),
    [true, true, true, true, true],
  );
});

test('the same trouble is told once a minute', () => {
  const repeats = new Repeats();
  assert.equal(repeats.isRepeated('a', 0), false);
  assert.equal(repeats.isRepeated('a', 59_000), true);
  assert.equal(repeats.isRepeated('b', 59_000), false);
  assert.equal(repeats.isRepeated('a', 61_000), false);
});

test('a promise that brings nothing is given up', async () => {
  assert.equal(await withDeadline(Promise.resolve(3), 10_000), 3);
  await assert.rejects(withDeadline(new Promise(() => undefined), 20), /no answer within/);
  await assert.rejects(withDeadline(Promise.reject(new Error('own')), 10_000), /own/);
});

test('versions are compared by number', () => {
  assert.equal(isOlder('0.1.0', '0.1.0'), false);
  assert.equal(isOlder('0.1.0.dev3', '0.1.0'), false);
  assert.equal(isOlder('0.0.9', '0.1.0'), true);
  assert.equal(isOlder('0.10', '0.9.1'), false);
  assert.equal(isOlder('of an unknown version', '0.1.0'), true);
});

test('the catalogue is read, what is odd passed over, and what is here comes first', () => {
  const output = JSON.stringify({
    models: [
      { name: 'large', size: 1_650_000_000, licence: 'MIT', fim: true, present: false },
      { name: 3 },
      null,
      { name: 'small', size: 92_871_040, licence: 'Apache-2.0', present: true, default: true },
    ],
  });
  assert.deepEqual(
    catalogueLines(parseModels(output), 'small').map((line) => `${line.label}: ${line.description}`),
    [
      'small: 93 MB · Apache-2.0 · default · downloaded · in use',
      'large: 1.6 GB · MIT · fills in the middle',
    ],
  );
  assert.deepEqual(
    parseModels('[{"name": "a"}]').map((model) => model.name),
    ['a'],
  );
  assert.deepEqual(parseModels('{}'), []);
  assert.throws(() => parseModels('no JSON'));
  assert.deepEqual(remoteLines(['a'], 'a'), [{ label: 'a', description: 'in use', name: 'a' }]);
  assert.equal(bytes(999_600_000), '1000 MB');
});

test('the answer to a check is read, and what is no answer is a failure', () => {
  assert.deepEqual(readChecked({ ok: true, message: 'fine', models: ['a', 3] }), {
    ok: true,
    message: 'fine',
    models: ['a'],
  });
  for (const odd of [undefined, null, {}, { ok: 'yes' }]) {
    assert.equal(readChecked(odd).ok, false);
    assert.notEqual(readChecked(odd).message, '');
  }
});

test('an address is one of a server, without a key in it', () => {
  for (const good of ['http://127.0.0.1:8012', ' https://models.example.org/v1 ', 'HTTPS://x']) {
    assert.equal(addressProblem(good), undefined, good);
  }
  for (const bad of ['', 'models.example.org', 'ftp://x', 'http://', 'http://a b', 'https://user:secret@x']) {
    assert.equal(typeof addressProblem(bad), 'string', bad);
  }
});

test('a key is what a header can carry', () => {
  assert.equal(keyProblem(''), undefined);
  assert.equal(keyProblem(' pf_Abc-123 '), undefined);
  assert.equal(typeof keyProblem('kéy'), 'string');
  assert.equal(typeof keyProblem('a\nb'), 'string');
});

test('a key goes only to the address that it was saved for', async () => {
  const store = new Map<string, string>();
  const keys = new TeamKeys({
    get: (name) => Promise.resolve(store.get(name)),
    store: (name, value) => Promise.resolve(void store.set(name, value)),
    delete: (name) => Promise.resolve(void store.delete(name)),
  });
  await keys.save('https://a/', 'one');
  assert.equal(await keys.get('https://a'), 'one');
  assert.equal(await keys.get('https://a.example'), undefined);
  await keys.save('https://a', '');
  assert.equal(store.size, 0);
});

test('settings are spelled for the environment', () => {
  const tree = {
    backend: { url: 'http://a', apiKeyCommand: ['pass', 'x'], autostart: false },
    completion: { maxLines: 3 },
  };
  assert.deepEqual(asVariables(tree), {
    PILOTFISH_BACKEND_URL: 'http://a',
    PILOTFISH_BACKEND_API_KEY_COMMAND: '["pass","x"]',
    PILOTFISH_BACKEND_AUTOSTART: 'false',
    PILOTFISH_COMPLETION_MAX_LINES: '3',
  });
});
