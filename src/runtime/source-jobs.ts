import type { SourceUnit } from './app.ts';
import { backfillStream, behindLive } from '../collect/backfill.ts';
import { PollStats } from '../core/poll-stats.ts';
import { VendorError } from '../core/errors.ts';
import type { Backfill as PastReader, CommonOptions, Scope } from '../core/source.ts';
import type { Job } from './job.ts';
import { takersOf, troubleOf } from './trouble.ts';
import type { Backfill, Progress } from './wanted.ts';

/** More events than this do not wait for delivery: live ones are journaled behind them. */
const MOST_WAITING = 100_000;

/** How often it is looked whether there is room for more. Milliseconds. */
const LOOK_EVERY = 5_000;

interface Parts {
  readonly job: Job;
  readonly unit: SourceUnit;
  readonly reader: PastReader<CommonOptions>;
  readonly want: Backfill;
}

/** Reads the past of a source, stream by stream. */
export class PastReading {
  /** What failed, a stream each. */
  readonly errors: VendorError[] = [];
  readonly #parts: Parts;
  readonly #stats = new PollStats();
  readonly #before: number;
  #progress: Progress;

  constructor(parts: Parts) {
    const { before } = parts.job;
    this.#parts = parts;
    this.#before = before?.events ?? 0;
    this.#progress = before ?? { done: 0, total: 0, events: 0 };
  }

  /** Events told so far, those of earlier processes too. */
  get events(): number {
    return this.#before + this.#stats.emitted;
  }

  /**
   * Resolves when all that the vendor would tell is durable; a stream that fails does not stop the others, but a refused
   * credential does. Rejects with the signal's reason, or with what the journal throws.
   */
  async run(): Promise<void> {
    const scopes = (await this.#attempt(() => this.#scopes())) ?? [];
    const resumed = this.#resumed(scopes);
    for (const [index, scope] of scopes.entries()) {
      if (index < resumed.index) continue;
      const from = index === resumed.index ? resumed.at : this.#parts.want.from;
      await this.#attempt(() => this.#read(scope, { from, index, streams: scopes.length }));
      if (this.errors.at(-1)?.status === 401) return;
    }
    const total = scopes.length * (this.#parts.want.to - this.#parts.want.from);
    await this.#parts.job.note({ done: total, total, events: this.events });
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof VendorError) || this.#parts.unit.context.signal.aborted) throw error;
      this.errors.push(error);
      return undefined;
    }
  }

  async #scopes(): Promise<readonly Scope[]> {
    const { unit, reader } = this.#parts;
    return Array.fromAsync(reader.streams({ ...unit.context.source, http: behindLive(unit.context) }));
  }

  /** What is covered is not read anyway; what is read in spite of that has its place in the progress. */
  #resumed(scopes: readonly Scope[]): { readonly index: number; readonly at: number } {
    const { job, want } = this.#parts;
    const place = job.before?.place as { readonly scope: string; readonly at: number } | undefined;
    const index = scopes.findIndex(({ id }) => id === place?.scope);
    return place === undefined || index === -1 ? { index: 0, at: want.from } : { index, at: place.at };
  }

  async #read(
    scope: Scope,
    { from, index, streams }: { readonly from: number; readonly index: number; readonly streams: number },
  ): Promise<void> {
    const { job, unit, reader, want } = this.#parts;
    const { context } = unit;
    const length = want.to - want.from;
    const onPage = async (at: number) => {
      const done = index * length + Math.min(length, at - want.from);
      const place = want.again ? { scope: scope.id, at } : undefined;
      this.#progress = {
        done,
        total: streams * length,
        events: this.events,
        ...(place !== undefined && { place }),
      };
      await job.note(this.#progress);
      await this.#room();
    };
    const span = { from, to: want.to };
    await backfillStream({
      context,
      backfill: reader,
      scope,
      span,
      again: want.again,
      stats: this.#stats,
      onPage,
    });
  }

  /** Resolves when the journal has room for more, and live events would not wait behind too much of the past. */
  async #room(): Promise<void> {
    const { job, unit } = this.#parts;
    const { clock, signal } = unit.context;
    const deliveries = takersOf(job.app, unit.context.config.name);
    let told: string | undefined;
    while (!(await this.#hasRoom())) {
      const now = clock.now();
      const stuck = deliveries
        .map((delivery) => troubleOf(delivery, now))
        .find((words) => words !== undefined);
      if (stuck !== undefined && stuck !== told) await job.note({ ...this.#progress, stuck });
      told = stuck;
      await clock.sleep(LOOK_EVERY, signal);
    }
    if (told !== undefined) await job.note(this.#progress);
  }

  async #hasRoom(): Promise<boolean> {
    const { job, unit } = this.#parts;
    const { journal, clock } = job.app;
    if ((await journal.room(clock.now())) !== 'free') return false;
    const waiting = takersOf(job.app, unit.context.config.name).map(({ destination: { name, sources } }) =>
      journal.waiting(name, sources),
    );
    return Math.max(0, ...(await Promise.all(waiting))) < MOST_WAITING;
  }
}
