// Whether a server that ended unexpectedly is started again. Pure.

const MOST = 3;
const WINDOW = 10 * 60 * 1000;

/** Counts how often a server ended; times are in milliseconds. */
export class Crashes {
  private times: number[] = [];

  /** Take note of one more; tells whether another start is worth it: at most three in ten minutes. */
  happened(now: number): boolean {
    this.times = [...this.times.filter((time) => now - time < WINDOW), now];
    return this.times.length <= MOST;
  }

  /** Begin anew: the user has started it by hand. */
  forget(): void {
    this.times = [];
  }
}
