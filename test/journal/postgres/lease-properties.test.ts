import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresPlace } from '../../../src/config/types.ts';
import type { Hold } from '../../../src/journal/leases.ts';
import type { Database } from '../../../src/journal/postgres/database.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { connect, placeAt } from '../support/databases.ts';
import { CONSOLE, CONTENT, prepared, TestReplica } from '../support/replicas.ts';

/** So long that no real time of a run matters, only what the run lets pass. Milliseconds. */
const LEASE = 600_000;
const REPLICAS = 3;

/** What a replica does, or (`pass`) time that passes: `share` of a lease, not noticed by one that is `asleep` with its clock. */
type Step =
  | {
      readonly act: 'take' | 'renew' | 'begin' | 'commit' | 'write' | 'release' | 'crash';
      readonly replica: number;
    }
  | { readonly act: 'pass'; readonly share: number; readonly asleep: number };

const replica = fc.nat(REPLICAS - 1);
const acts = (...of: Exclude<Step['act'], 'pass'>[]) => fc.record({ act: fc.constantFrom(...of), replica });
const pass = fc.record({
  act: fc.constant('pass' as const),
  share: fc.constantFrom(0.3, 0.6, 1.1, 1.1),
  asleep: fc.integer({ min: -1, max: REPLICAS - 1 }),
});
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: acts('take', 'write', 'write') },
    { weight: 8, arbitrary: acts('renew', 'begin', 'commit') },
    { weight: 1, arbitrary: acts('release', 'crash') },
    { weight: 6, arbitrary: pass },
  ),
  { minLength: 10, maxLength: 40 },
);

/** A write under way: its first statements were sent, and it waits before COMMIT. */
interface OpenWrite {
  readonly end: PromiseWithResolvers<void>;
  readonly written: Promise<boolean>;
}

/** One replica, which counts: each write is one more than what it read when it took the lease. */
class Counter {
  process: TestReplica;
  hold: Hold | undefined;
  #count = 0;
  #write: OpenWrite | undefined;
  readonly #run: Run;

  constructor(run: Run, process: TestReplica) {
    this.#run = run;
    this.process = process;
  }

  get isWriting(): boolean {
    return this.#write !== undefined;
  }

  async take(): Promise<void> {
    if (this.hold !== undefined) return;
    [this.hold] = await this.process.leases.take([CONSOLE]);
    if (this.hold !== undefined) this.#count = (await this.#run.written()).length;
  }

  async renew(): Promise<void> {
    await this.process.leases.renew(CONTENT);
    await this.#dropLost();
  }

  async begin(): Promise<void> {
    if (this.hold === undefined || this.isWriting) return;
    const end = Promise.withResolvers<void>();
    end.promise.catch(() => undefined);
    const begun = Promise.withResolvers<void>();
    const number = this.#count + 1;
    const written = this.process.database
      .fenced(CONSOLE, async (transaction) => {
        const by = this.process.leases.replica.name;
        const { epoch } = this.process.leases.holdOf(CONSOLE);
        const values = [String(number).padStart(4, '0'), `${epoch} ${by}`];
        // Two replicas that write the same number fail here: one of them would have lost an update.
        await transaction.run('INSERT INTO penstock.state (subject, value) VALUES ($1, $2)', values);
        begun.resolve();
        await end.promise;
      })
      .then(
        () => true,
        (error: Error) => {
          if (error !== CRASH && !NOT_WRITTEN.includes(error.name)) throw error;
          return false;
        },
      );
    const isBlocked = this.#run.counters.some(({ isWriting }) => isWriting);
    this.#write = { end, written };
    // One that lost its lease waits for the row that its successor has locked.
    if (!isBlocked) await Promise.race([begun.promise, written]);
  }

  async commit(): Promise<void> {
    this.#write?.end.resolve();
    await this.#ended();
  }

  async write(): Promise<void> {
    await this.begin();
    await this.commit();
  }

  async release(): Promise<void> {
    if (this.hold === undefined || this.isWriting) return;
    await this.process.leases.release([this.hold]);
    this.hold = undefined;
  }

  /** It is gone, and a new process has its name. What it had open is rolled back. */
  async crash(): Promise<void> {
    this.#write?.end.reject(CRASH);
    await this.#ended();
    await this.process.database[Symbol.asyncDispose]();
    this.hold = undefined;
    this.process = this.#run.process(this.process.leases.replica.name);
  }

  /** Whether it would still send a request. */
  get isValid(): boolean {
    try {
      this.hold?.requireValid();
      return this.hold !== undefined;
    } catch {
      return false;
    }
  }

  async #ended(): Promise<void> {
    const write = this.#write;
    if (write === undefined) return;
    const isWritten = await write.written;
    this.#write = undefined;
    if (isWritten) {
      this.#count += 1;
      this.#run.acknowledged.push(this.#count);
    }
    await this.#run.timePassed();
    await this.#dropLost();
  }

  async #dropLost(): Promise<void> {
    if (this.hold?.signal.aborted === true) await this.release();
  }
}

/** `JournalWriteError`: it waited for too long for the write of another. */
const NOT_WRITTEN = ['LeaseLostError', 'JournalWriteError'];
const CRASH = new Error('the process is gone');

/** One history of three replicas. */
class Run implements AsyncDisposable {
  /** The numbers whose writers know that they were written. */
  readonly acknowledged: number[] = [];
  readonly counters: readonly Counter[];
  readonly #place: PostgresPlace;
  readonly #database: Database;
  /** Time that a locked lease has not seen pass yet. Milliseconds. */
  #missed = 0;

  constructor(place: PostgresPlace, database: Database) {
    this.#place = place;
    this.#database = database;
    this.counters = Array.from(
      { length: REPLICAS },
      (_, n) => new Counter(this, this.process(`replica-${n}`)),
    );
  }

  process(name: string): TestReplica {
    return new TestReplica(this.#place, name);
  }

  /** What was written: the number, and by which epoch and replica. */
  async written(): Promise<readonly { number: number; epoch: number; by: string }[]> {
    const rows = await this.#database.query<{ subject: string; value: string }>(
      'SELECT subject, value FROM penstock.state ORDER BY subject',
    );
    return rows.map(({ subject, value }) => {
      const [epoch, by = ''] = value.split(' ');
      return { number: Number(subject), epoch: Number(epoch), by };
    });
  }

  async do(step: Step): Promise<void> {
    if (step.act !== 'pass') return this.counters[step.replica]?.[step.act]();
    const ms = step.share * LEASE;
    this.#missed += ms;
    for (const [n, { process }] of this.counters.entries()) if (n !== step.asleep) process.slept += ms;
    await this.timePassed();
  }

  /** Lets the database believe that time has passed; nothing else can be done to a lease that a write has locked. */
  async timePassed(): Promise<void> {
    if (this.counters.some(({ isWriting }) => isWriting)) return;
    const earlier = "expires_at = expires_at - $1 * interval '1 millisecond'";
    for (const table of ['lease', 'replica'])
      await this.#database.query(`UPDATE penstock.${table} SET ${earlier}`, [this.#missed]);
    this.#missed = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const counter of this.counters) await counter.commit();
    for (const { process } of this.counters) await process[Symbol.asyncDispose]();
    for (const table of ['lease', 'replica', 'state'])
      await this.#database.query(`DELETE FROM penstock.${table}`);
  }
}

describe.skipIf(NO_POSTGRES)('any history of three replicas', () => {
  let opened: AsyncDisposableStack;
  let place: PostgresPlace;
  let database: Database;

  beforeAll(async () => {
    opened = new AsyncDisposableStack();
    const own = opened.use(await ownSchema());
    place = await prepared(placeAt(own.url, { schema: own.schema, lease: LEASE }));
    database = opened.use(connect(place));
  });
  afterAll(() => opened.disposeAsync());

  it('has at most one writer for each epoch, loses no update, and writes what it acknowledged and nothing else', async () => {
    let writes = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        await using run = new Run(place, database);
        const everAwake = history.every((one) => one.act !== 'pass' || one.asleep === -1);
        let atOnce = 0;
        for (const one of history) {
          await run.do(one);
          atOnce = Math.max(atOnce, run.counters.filter(({ isValid }) => isValid).length);
        }
        for (const counter of run.counters) await counter.commit();
        const written = await run.written();

        expect(written.map(({ number }) => number)).toEqual(run.acknowledged);
        expect(run.acknowledged).toEqual(run.acknowledged.map((_, index) => index + 1));
        const epochs = written.map(({ epoch }) => epoch);
        expect(epochs).toEqual(epochs.toSorted((one, other) => one - other));
        for (const [, of] of Map.groupBy(written, ({ epoch }) => epoch))
          expect(new Set(of.map(({ by }) => by)).size).toBe(1);
        // As long as the clocks of all run on, not even requests of two holders meet.
        expect(atOnce).toBeLessThanOrEqual(everAwake ? 1 : REPLICAS);
        writes += written.length;
      }),
      { numRuns: 80 },
    );
    expect(writes).toBeGreaterThan(20);
  });
});
