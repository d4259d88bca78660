// Draws icon.svg as the PNG that VS Code wants.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { initWasm, Resvg } from '@resvg/resvg-wasm';

const WIDTH = 256;

/** The icon as a PNG. */
export async function drawIcon() {
  await initWasm(readFileSync(createRequire(import.meta.url).resolve('@resvg/resvg-wasm/index_bg.wasm')));
  const drawn = new Resvg(readFileSync('icon.svg', 'utf8'), { fitTo: { mode: 'width', value: WIDTH } });
  return drawn.render().asPng();
}
