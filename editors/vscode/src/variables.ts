// Settings as environment variables, for programs that are not the language server. Pure.

import type { Tree } from './settings';

/** PILOTFISH_BACKEND_URL and so on, for all that is set; lists as JSON. */
export function asVariables(tree: Tree, path = 'PILOTFISH'): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [key, value] of Object.entries(tree)) {
    const name = `${path}_${key.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      Object.assign(variables, asVariables(value as Tree, name));
    } else {
      variables[name] = typeof value === 'string' ? value : JSON.stringify(value);
    }
  }
  return variables;
}
