import { createHash } from 'node:crypto';

interface SettlingParts {
  /** The walk through the same window before it, in the same poll. */
  readonly before: Settling | undefined;
  /** When the first walk began, epoch ms. */
  readonly began: number;
  /** It is the last one, whatever it shows. */
  readonly givesUp: boolean;
}

/**
 * One walk through a list in which a change can move a record past the walk: a record that leaves a page that was read
 * moves all later ones forward, and nothing in the answers shows it. But the record that left is missing in the next walk,
 * so a walk that shows exactly what the walk before it showed has missed nothing.
 */
export class Settling {
  readonly began: number;
  readonly givesUp: boolean;
  readonly #before: string | undefined;
  readonly #keys = createHash('sha256');
  #answers = 0;
  #news = 0;

  constructor({ before, began, givesUp }: SettlingParts) {
    this.began = began;
    this.givesUp = givesUp;
    this.#before = before?.shown;
  }

  /** An answer came. */
  answered(): void {
    this.#answers += 1;
  }

  /** Notes the keys of a batch, and how many of them the ledger does not know, or knows with another value. */
  readonly observed = (keys: readonly string[], news: number): void => {
    this.#news += news;
    for (const key of keys) this.#keys.update(`${key.length} ${key}`);
  };

  /** What the walk has shown so far; equal for equal keys in the same order. */
  get shown(): string {
    return this.#keys.copy().digest('hex');
  }

  /** Nothing was new, and no record can have moved past the walk. */
  get isQuiet(): boolean {
    return this.#news === 0 && (this.#answers === 1 || this.shown === this.#before);
  }
}
