import assert from 'node:assert/strict';
import { test } from 'node:test';

import { draw, isStatus, type BackendStatus, type Situation } from '../src/status';

const READY: BackendStatus = { state: 'ready', message: '', model: 'smollm2-135m', backend: 'local' };
const RUNNING: Situation = {
  server: { kind: 'running' },
  backend: READY,
  enabled: true,
  silentLanguage: undefined,
};

const check = (now: Partial<Situation>, icon: string, text: string): void => {
  const drawn = draw({ ...RUNNING, ...now });
  assert.deepEqual({ icon: drawn.icon, text: drawn.text }, { icon, text });
};

test('ready says which model, and whether it is here', () => {
  check({}, 'sparkle', 'Pilotfish: smollm2-135m (local)');
  check(
    { backend: { ...READY, model: 'codegen', backend: 'remote' } },
    'sparkle',
    'Pilotfish: codegen (remote)',
  );
});

test('working changes the icon alone: a text that jumps would be in the way', () => {
  check({ backend: { ...READY, state: 'working' } }, 'sync~spin', 'Pilotfish: smollm2-135m (local)');
});

test('starting shows how far a download is', () => {
  const starting: BackendStatus = { ...READY, state: 'starting', message: '' };
  check({ backend: starting }, 'loading~spin', 'Pilotfish: starting');
  check(
    { backend: { ...starting, message: 'smollm2: 45 % of 93 MB' } },
    'loading~spin',
    'Pilotfish: starting 45%',
  );
  check({ backend: undefined }, 'loading~spin', 'Pilotfish: starting');
  check({ server: { kind: 'starting' } }, 'loading~spin', 'Pilotfish: starting');
});

test('an error is told with its reason, cut short; the tooltip has it whole', () => {
  const message = 'the backend refused the API key: set backend.api_key to a valid one';
  check(
    { backend: { ...READY, state: 'error', message } },
    'warning',
    'Pilotfish: error: the backend refused the API key: set ba…',
  );
  const drawn = draw({ ...RUNNING, backend: { ...READY, state: 'error', message } });
  assert.equal(drawn.tooltip, `Pilotfish: ${message}`);
  assert.equal(drawn.alarming, true);
});

test('off has many reasons, and the tooltip tells which', () => {
  const off = (now: Partial<Situation>, reason: RegExp): void => {
    check(now, 'circle-slash', 'Pilotfish: off');
    assert.match(draw({ ...RUNNING, ...now }).tooltip, reason);
  };
  off({ enabled: false }, /switched off/);
  off({ server: { kind: 'stopped' } }, /not running/);
  off({ backend: { ...READY, state: 'off', message: 'stopped' } }, /stopped/);
});

test('a language that is left alone is named', () => {
  check({ silentLanguage: 'markdown' }, 'circle-slash', 'Pilotfish: off for markdown');
});

test('a missing server outranks all, also being switched off', () => {
  check({ server: { kind: 'missing' }, enabled: false }, 'circle-slash', 'Pilotfish: not installed');
  check({ server: { kind: 'installing' }, enabled: false }, 'loading~spin', 'Pilotfish: installing');
});

test('what is no status of ours is passed over', () => {
  assert.equal(isStatus(READY), true);
  for (const odd of [null, 'ready', {}, { ...READY, state: 'toString' }, { ...READY, model: 3 }]) {
    assert.equal(isStatus(odd), false);
  }
});
