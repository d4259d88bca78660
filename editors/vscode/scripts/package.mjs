// Puts together what the .vsix holds, in out/package, and packs it. `node scripts/package.mjs OUTPUT.vsix`
//
// The wheel of the language server is taken from the folder wheel/; without it the .vsix installs from the package index.

import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createVSIX } from '@vscode/vsce';

import { drawIcon } from './icon.mjs';

const OUTPUT = process.argv[2] ?? 'pilotfish.vsix';
const STAGE = 'out/package';
/** Seen on the extension's page; stands beside the documents in the repository. */
const SCREENSHOT = '../../docs/images/vscode.png';

rmSync(STAGE, { recursive: true, force: true });
mkdirSync(`${STAGE}/images`, { recursive: true });
await import('./build.mjs');
writeFileSync(`${STAGE}/icon.png`, await drawIcon());

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
delete manifest.scripts;
delete manifest.devDependencies;
manifest.files = ['**'];
writeFileSync(`${STAGE}/package.json`, JSON.stringify(manifest, undefined, 2));

const readme = readFileSync('README.md', 'utf8');
writeFileSync(`${STAGE}/README.md`, readme.replaceAll(SCREENSHOT, 'images/ghost-text.png'));
if (existsSync(SCREENSHOT)) {
  copyFileSync(SCREENSHOT, `${STAGE}/images/ghost-text.png`);
}
copyFileSync('CHANGELOG.md', `${STAGE}/CHANGELOG.md`);
copyFileSync('../../LICENSE', `${STAGE}/LICENSE`);
cpSync('walkthrough', `${STAGE}/walkthrough`, { recursive: true });
if (existsSync('wheel')) {
  cpSync('wheel', `${STAGE}/wheel`, { recursive: true });
}
await createVSIX({
  cwd: STAGE,
  packagePath: OUTPUT,
  dependencies: false,
  rewriteRelativeLinks: false,
  allowMissingRepository: true,
});
