import type { Clock } from '../../core/clock.ts';
import { Changes } from '../changes.ts';
import type { JournalPage, Position } from '../delivery.ts';
import type { Database } from './database.ts';

/** How often the head is read for pages of other processes, while somebody waits for one. Milliseconds. */
const READ_EVERY = 500;

const SELECT_HEAD = 'SELECT sequence FROM penstock.head';
/** Numbers have no gaps: the page of the position is the only one that may be there without a record for it. */
const SELECT_AFTER = `
  SELECT sequence > $1 OR EXISTS (SELECT FROM penstock.page WHERE sequence = $1 AND count > $2) AS after
  FROM penstock.head`;

/** Wakes whoever waits for new pages: at once for those of this process, within half a second for those of others. */
export class HeadWatch implements Disposable {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #changes = new Changes();
  readonly #closed = new AbortController();
  /** Number of the last page that the waiters were woken for. */
  #seen = 0;
  #isReading = false;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Resolves when there are new pages, at the signal's abort, or when there already is a record at the position. */
  async next(signal: AbortSignal, position?: Position): Promise<void> {
    if (signal.aborted) return;
    const found = new AbortController();
    const woken = this.#changes.next(AbortSignal.any([signal, found.signal, this.#closed.signal]), false);
    void this.#read();
    try {
      if (position !== undefined && (await this.#isThere(position))) found.abort();
      await woken;
    } finally {
      found.abort();
    }
  }

  /** Wakes the waiters for pages that this process has committed. */
  announce(pages: readonly JournalPage[]): void {
    const [first, last] = [pages[0], pages.at(-1)];
    if (first === undefined || last === undefined) return;
    if (first.sequence === this.#seen + 1) this.#seen = last.sequence;
    this.#changes.announce();
  }

  [Symbol.dispose](): void {
    this.#closed.abort();
  }

  async #isThere({ sequence, offset }: Position): Promise<boolean> {
    const [row] = await this.#database.query<{ after: boolean }>(SELECT_AFTER, [sequence, offset]);
    return row?.after === true;
  }

  /** Reads the head again and again while somebody waits. There is one reader, however many wait. */
  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#changes.isAwaited) {
        await this.#clock.sleep(READ_EVERY, this.#closed.signal);
        const [head] = await this.#database.query<{ sequence: number }>(SELECT_HEAD);
        if (head === undefined || head.sequence === this.#seen) continue;
        this.#seen = head.sequence;
        this.#changes.announce();
      }
    } catch {
      // What a waiter reads next says what is wrong.
      this.#changes.announce();
    } finally {
      this.#isReading = false;
    }
  }
}
