// The Python environments that this extension makes: always a fresh one, so that a failed installation loses nothing.

import * as fs from 'node:fs';
import * as path from 'node:path';

/** Written into an environment when everything is in it. */
const COMPLETE = 'pilotfish-complete';

/** The environments in a folder of ours. */
export class OwnEnvironments {
  constructor(private readonly folder: string) {}

  /** Path of the newest complete one, or undefined. */
  get newest(): string | undefined {
    return this.all.findLast((environment) => fs.existsSync(path.join(environment, COMPLETE)));
  }

  /** Path for another one; nothing is there yet. */
  next(): string {
    const last = this.all.at(-1);
    return path.join(this.folder, String(last === undefined ? 1 : Number(path.basename(last)) + 1));
  }

  /** Count one as complete. The one before stays, since other windows may run out of it; older ones go. */
  async completed(environment: string): Promise<void> {
    const before = this.newest;
    await fs.promises.writeFile(path.join(environment, COMPLETE), '');
    const old = this.all.filter((other) => other !== environment && other !== before);
    await Promise.all(old.map((other) => this.remove(other)));
  }

  /** Remove one, wherever its making has stopped. */
  async remove(environment: string): Promise<void> {
    await fs.promises.rm(environment, { recursive: true, force: true });
  }

  /** All of them, also those that are not complete, the oldest first. */
  private get all(): string[] {
    let names: string[];
    try {
      names = fs.readdirSync(this.folder);
    } catch {
      return [];
    }
    return names
      .filter((name) => /^\d+$/.test(name))
      .toSorted((a, b) => Number(a) - Number(b))
      .map((name) => path.join(this.folder, name));
  }
}
