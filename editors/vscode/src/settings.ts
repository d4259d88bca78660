// Which settings the language server is sent: what the user has set, and no defaults. Pure.
//
// A default that is sent would override the user's own config.toml, so the difference between "set to its default" and
// "not set" has to reach the server.

/** What is set of one setting, per scope; undefined where it is not set. */
export interface Inspected {
  readonly globalValue?: unknown;
  readonly workspaceValue?: unknown;
  readonly workspaceFolderValue?: unknown;
}

/** A tree as the server takes it: `{backend: {url: "…"}}`. */
export type Tree = { [key: string]: unknown };

export const SECTION = 'pilotfish';

/** Settings of this extension alone, which the server does not know. */
export const OWN = new Set(['enable', 'server.path']);

/** Lists that grow from scope to scope, instead of the narrowest replacing the rest. */
export const ADDING = new Set(['exclude']);

/** Settings that decide what the server offers, and so must be known when it is initialized. */
const AT_START = ['completion.mode', 'completion.inlayHint'];

/** The names, without the section, that the server takes, out of those that package.json declares. */
export function serverSettings(declared: Iterable<string>): string[] {
  return [...declared]
    .filter((name) => name.startsWith(`${SECTION}.`))
    .map((name) => name.slice(SECTION.length + 1))
    .filter((name) => !OWN.has(name));
}

/** The value in force, or undefined when no scope sets it. */
export function valueOf(name: string, found: Inspected): unknown {
  const scopes = [found.globalValue, found.workspaceValue, found.workspaceFolderValue];
  const set = scopes.filter((value) => value !== undefined && value !== null);
  if (ADDING.has(name)) {
    const joined = set.filter(Array.isArray).flat();
    return joined.length > 0 ? joined : undefined;
  }
  return set.at(-1);
}

/** The tree of all that is set. */
export function treeOf(names: Iterable<string>, inspect: (name: string) => Inspected): Tree {
  const tree: Tree = {};
  for (const name of names) {
    const value = valueOf(name, inspect(name));
    if (value !== undefined) {
      put(tree, name.split('.'), value);
    }
  }
  return tree;
}

/** The part of a tree that goes into initializationOptions. The rest is fetched, so that it can be unset again. */
export function startOptions(tree: Tree, trusted: boolean): Tree {
  const options: Tree = { workspaceTrusted: trusted };
  for (const name of AT_START) {
    const value = at(tree, name);
    if (value !== undefined) {
      put(options, name.split('.'), value);
    }
  }
  return options;
}

/** Whether going from one tree to another takes a new server. */
export function needsRestart(before: Tree, after: Tree): boolean {
  return AT_START.some((name) => at(before, name) !== at(after, name));
}

/** The value at a dotted name, or undefined. */
export function at(tree: Tree, name: string): unknown {
  let place: unknown = tree;
  for (const part of name.split('.')) {
    place = isTree(place) ? place[part] : undefined;
  }
  return place;
}

/** The same tree with a value put in at a dotted name. */
export function withValue(tree: Tree, name: string, value: unknown): Tree {
  const copy = structuredClone(tree);
  put(copy, name.split('.'), value);
  return copy;
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) {
    return;
  }
  if (rest.length === 0) {
    tree[first] = value;
    return;
  }
  const inner = tree[first];
  const branch = isTree(inner) ? inner : {};
  tree[first] = branch;
  put(branch, rest, value);
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
