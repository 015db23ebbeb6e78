import { isDeepStrictEqual } from 'node:util';
import { explain } from '../core/errors.ts';
import type { PollResult, PollStats } from '../core/observers.ts';
import type { PollRecord } from '../journal/collection.ts';
import type { OpenStream, PollContext } from './context.ts';

/** How a poll ended. */
export type Ending = Pick<PollResult, 'outcome' | 'error'>;

/** Records a poll of a stream: with the page that ends it, else in a transaction of its own. */
export class PollRecorder {
  readonly #context: PollContext;
  readonly #stream: OpenStream;
  readonly #started: number;
  readonly #requestsBefore: number;
  #committed: PollRecord | undefined;

  /** Make it when the poll begins. */
  constructor(context: PollContext, stream: OpenStream) {
    this.#context = context;
    this.#stream = stream;
    this.#started = context.clock.now();
    this.#requestsBefore = context.http.requests;
  }

  /** The record to commit with the page that completes the poll. `stats`: of the poll, with that page. */
  completedWith(stats: PollStats): PollRecord {
    this.#committed = this.#recordOf(stats, { outcome: 'complete' });
    return this.#committed;
  }

  /** Call it when the poll has ended: records it, unless it ended as its last page says. */
  async end(stats: PollStats, ending: Ending): Promise<void> {
    const record = this.#recordOf(stats, ending);
    const committed = this.#committed && { ...this.#committed, durationMs: record.durationMs };
    if (!isDeepStrictEqual(committed, record)) await this.#context.journal.polls.record(record);
  }

  #recordOf(stats: PollStats, { outcome, error }: Ending): PollRecord {
    const { config, clock, http } = this.#context;
    return {
      stream: this.#stream.state.key,
      source: config.name,
      at: this.#started,
      durationMs: Math.max(0, clock.now() - this.#started),
      requests: http.requests - this.#requestsBefore,
      rows: stats.rows,
      new: stats.new,
      changed: stats.updated,
      outcome: error instanceof Error ? error.name : outcome,
      error: outcome === 'failed' ? explain(error) : undefined,
    };
  }
}
