import { type PollOutcome, PollStats, type SourcePollResult } from '../core/observers.ts';
import type { Journal } from '../journal/journal.ts';
import type { StreamState } from '../journal/collection.ts';
import type { Subject } from '../journal/leases.ts';

type PollJournal = Pick<Journal, 'streams' | 'polls' | 'sources'>;

/** What was known of a source when the wait began. */
interface Before {
  readonly due: number | undefined;
  /** How many polls must end until one has ended that began later. */
  left: number;
}

/**
 * Finds out from the journal which sources other processes have polled since a time. A poll that was under way then does
 * not count: what it had read already may be older.
 */
export class PollsElsewhere {
  readonly #journal: PollJournal;
  /** Epoch ms, by the clocks of all machines. */
  readonly #since: number;
  readonly #before = new Map<string, Before>();
  readonly #done: string[] = [];

  constructor(journal: PollJournal, since: number) {
    this.#journal = journal;
    this.#since = since;
  }

  /** Those of these sources of whose streams a poll has ended that began later. */
  readonly done = async (sources: readonly Subject[]): Promise<readonly Subject[]> => {
    const streams = await this.#streams();
    const done: Subject[] = [];
    for (const source of sources) {
      const { name } = source;
      if ((await this.#hasEnded(name)) || (await this.#isReadSince(streams.get(name) ?? [])))
        done.push(source);
    }
    this.#done.push(...done.map(({ name }) => name));
    return done;
  };

  /** How the polls ended that `done` found. What they collected is counted where they ran. */
  async results(): Promise<readonly SourcePollResult[]> {
    const streams = await this.#streams();
    return this.#done.map((source) => {
      const isFailed = streams.get(source)?.some(({ lastError }) => lastError !== undefined) === true;
      const outcome: PollOutcome = isFailed ? 'failed' : 'complete';
      return { source, outcome, stats: new PollStats(), errors: [] };
    });
  }

  /** A poll that ends moves the due time of its source. While one is under way, or overdue, that time has passed. */
  async #hasEnded(name: string): Promise<boolean> {
    const due = await this.#journal.sources.nextDue(name);
    const before = this.#before.get(name);
    if (before === undefined) {
      this.#before.set(name, { due, left: due === undefined || due <= this.#since ? 2 : 1 });
      return false;
    }
    if (due === before.due) return false;
    this.#before.set(name, { due, left: before.left - 1 });
    return before.left <= 1;
  }

  async #isReadSince(streams: readonly StreamState[]): Promise<boolean> {
    const polls = await Promise.all(streams.map(({ key }) => this.#journal.polls.last(key, 1)));
    return polls.length > 0 && polls.every(([poll]) => poll !== undefined && poll.at >= this.#since);
  }

  /** The streams of each source. Read for all sources at once: there may be thousands. */
  async #streams(): Promise<ReadonlyMap<string, readonly StreamState[]>> {
    const all = await this.#journal.streams.all();
    return Map.groupBy(
      all.filter(({ orphaned }) => !orphaned),
      ({ source }) => source,
    );
  }
}
