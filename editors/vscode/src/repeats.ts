// Whether the user has just been told the same. Pure.

const WINDOW = 60 * 1000;

/** Remembers when each text was shown last; times are in milliseconds. */
export class Repeats {
  private readonly shown = new Map<string, number>();

  /** Whether a text was shown within the last minute; if not, it counts as shown now. */
  isRepeated(text: string, now: number): boolean {
    const before = this.shown.get(text);
    if (before !== undefined && now - before < WINDOW) {
      return true;
    }
    this.shown.set(text, now);
    return false;
  }
}
