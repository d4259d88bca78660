// Formats Lua by a folder's stylua.toml, with StyLua as WebAssembly, which has no program of its own:
//   node scripts/editors/stylua.mjs MODULES FOLDER          writes
//   node scripts/editors/stylua.mjs MODULES FOLDER --check  says which files are not formatted, and fails
// MODULES is the node_modules that has @johnnymorganz/stylua.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, folder, mode] = process.argv.slice(2);
const stylua = createRequire(join(modules, 'none.js'))('@johnnymorganz/stylua');
const choices = {
  indent_type: stylua.IndentType,
  line_endings: stylua.LineEndings,
  quote_style: stylua.QuoteStyle,
  call_parentheses: stylua.CallParenType,
  collapse_simple_statement: stylua.CollapseSimpleStatement,
};

function readSettings(path) {
  const settings = {};
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [, name, text, number] = /^\s*(\w+)\s*=\s*(?:"(\w+)"|(\d+))\s*(?:#.*)?$/.exec(line) ?? [];
    if (name === undefined && line.trim() !== '' && !line.trimStart().startsWith('#')) {
      throw new Error(`${path}: can't read ${JSON.stringify(line)}`);
    }
    if (name !== undefined) settings[name] = number === undefined ? choices[name][text] : Number(number);
  }
  return settings;
}

function formatted(text, settings) {
  // Each call takes its configuration for itself.
  const config = Object.assign(stylua.Config.new(), settings);
  return stylua.formatCode(text, config, undefined, stylua.OutputVerification.Full);
}

const settings = readSettings(join(folder, 'stylua.toml'));
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.lua'));
let different = 0;
for (const path of files.sort().map((name) => join(folder, name))) {
  const text = readFileSync(path, 'utf8');
  const wanted = formatted(text, settings);
  if (wanted === text) continue;
  different += 1;
  console.log(mode === '--check' ? `${path} is not formatted` : `formatted ${path}`);
  if (mode !== '--check') writeFileSync(path, wanted);
}
process.exitCode = mode === '--check' && different > 0 ? 1 : 0;
