import assert from 'node:assert/strict';
import type { DatabaseSync } from 'node:sqlite';
import type { SourcePollResult } from '../../../src/core/observers.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { memoryDatabase, memoryJournal } from '../../../src/journal/sqlite/memory.ts';
import { watched } from '../../support/collecting.ts';
import { type TestPipeline, type TestProcess, testPipeline } from '../../support/test-pipeline.ts';
import { replaced } from '../kills/instrument.ts';
import { TIMEOUT } from './clocks.ts';
import type { Collected, Vendor } from './vendor.ts';

/** What a test breaks on purpose. */
export interface Flaw {
  readonly source?: (source: Vendor['source']) => Vendor['source'];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly journal?: (journal: Journal) => Journal;
}

/** Writes of the journal: after each of them more is durable than before. */
const DURABLE = new Set([
  'commit',
  'ledger.forgetOldest',
  'polls.record',
  'quotas.pause',
  'quotas.spend',
  'sources.orphanStreams',
  'streams.open',
  'streams.openAll',
]);

/**
 * The real thing: a source in the collecting loop, one process after the other over the same database. A process keeps its
 * connections and what the source remembers from poll to poll; what is durable outlives it.
 */
export class Penstock implements AsyncDisposable {
  readonly #vendor: Vendor;
  readonly #pipeline: TestPipeline;
  readonly #database: DatabaseSync = memoryDatabase();
  readonly #flaw: Flaw;
  #process: TestProcess | undefined;
  #isKilled = false;
  /** What happens before a durable step of the next poll, by how many come before it. */
  readonly #before = new Map<number, (() => void)[]>();
  #steps = 0;

  constructor(vendor: Vendor, flaw: Flaw = {}) {
    const { source, config, simulator, clocks } = vendor;
    this.#vendor = vendor;
    this.#flaw = flaw;
    this.#pipeline = testPipeline({
      source: flaw.source?.(source) ?? source,
      vendor: simulator,
      clock: clocks.ours,
      config: { timeout: `${TIMEOUT}ms`, retries: 1, ...config, ...flaw.config },
      mode: 'run',
      journal: memoryJournal(clocks.ours, this.#database),
      openJournal: () => this.#openJournal(),
    });
  }

  /** Before the n-th durable step of the next poll; never, where it has fewer. */
  beforeStep(steps: number, happens: () => void): void {
    this.#before.set(steps, [...(this.#before.get(steps) ?? []), happens]);
  }

  /** The process dies now: nothing of what it does becomes durable any more. */
  kill(): void {
    this.#isKilled = true;
    this.#process?.abort(new Error('killed'));
  }

  /** The process ends, if it lives, and the next poll is made by a new one. */
  async restart(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = undefined;
    this.#isKilled = false;
  }

  /** One poll of all streams; how it ended, undefined when the process was killed. */
  async poll(): Promise<SourcePollResult | undefined> {
    const { clocks } = this.#vendor;
    this.#process ??= this.#pipeline.start();
    this.#steps = 0;
    const poll = this.#process.run();
    const result = await clocks.drive(poll).catch((error: unknown) => {
      if (!this.#isKilled) throw error;
      return undefined;
    });
    this.#before.clear();
    await this.#pipeline.refresh();
    const { events, gapEvents } = this.#pipeline;
    const ids = [...events, ...gapEvents].map(({ uid }) => uid);
    assert.equal(new Set(ids).size, ids.length, 'two events have one id');
    if (this.#isKilled) await this.restart();
    else if (result?.outcome === 'complete') clocks.isSet = false;
    return result;
  }

  async collected(): Promise<Collected> {
    const gaps = await this.#pipeline.journal.gaps.of();
    return {
      events: this.#pipeline.events.map(({ event }) => event),
      gaps: gaps.filter(({ closed }) => closed === undefined),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.restart();
    this.#database.close();
  }

  #openJournal(): Journal {
    const journal = memoryJournal(this.#vendor.clocks.ours, this.#database);
    const life = { isOver: false };
    const noted = replaced<Journal>(journal, {
      commit: async (page) => {
        await journal.commit(page);
        this.#vendor.committed?.(page);
      },
    });
    const mortal = watched(noted, (step) => {
      if (DURABLE.has(step)) this.#step();
      life.isOver ||= this.#isKilled;
      if (life.isOver) throw new Error('killed');
      return undefined;
    });
    return this.#flaw.journal?.(mortal) ?? mortal;
  }

  #step(): void {
    for (const happens of this.#before.get(this.#steps) ?? []) happens();
    this.#steps += 1;
  }
}
