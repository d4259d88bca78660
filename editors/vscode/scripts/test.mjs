// Runs the tests of what needs no VS Code. `node scripts/test.mjs`

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const tests = readdirSync('test').filter((name) => name.endsWith('.test.ts'));
await build({
  entryPoints: tests.map((name) => `test/${name}`),
  outdir: 'out/test',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // A test that reaches the editor's own module is a test of the wrong part: it fails when it is loaded.
  external: ['vscode'],
  sourcemap: 'inline',
  logLevel: 'warning',
});
const files = tests.map((name) => `out/test/${name.replace(/\.ts$/, '.mjs')}`);
const done = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...files], { stdio: 'inherit' });
process.exitCode = done.status ?? 1;
