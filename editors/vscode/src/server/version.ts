// Which servers this extension gets along with. Pure.

/** The oldest server that has all that this extension uses. */
export const OLDEST = '0.1.0';

/** Whether a version such as 0.1.0 or 0.2.0.dev1 comes before another; what is not a version does. */
export function isOlder(version: string, than: string): boolean {
  const [left, right] = [numbers(version), numbers(than)];
  for (let place = 0; place < 3; place++) {
    const [a, b] = [left[place] ?? 0, right[place] ?? 0];
    if (a !== b) {
      return a < b;
    }
  }
  return false;
}

function numbers(version: string): number[] {
  const found = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  return found === null ? [-1] : found.slice(1).map((part) => Number(part || 0));
}
