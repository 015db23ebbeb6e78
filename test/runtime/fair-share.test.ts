import { afterEach, beforeEach, expect, it } from 'vitest';
import { JournalWriteError, LeaseLostError } from '../../src/journal/journal.ts';
import type { Hold, Leases, LeaseView, Replica, ReplicaReport, Subject } from '../../src/journal/leases.ts';
import { createLogger } from '../../src/observe/log.ts';
import { FairShare } from '../../src/runtime/fair-share.ts';
import type { Assignment } from '../../src/runtime/holds.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const LEASE = 15_000;
const SUBJECTS: readonly Subject[] = [
  ...Array.from({ length: 30 }, (_, index) => ({ kind: 'source', name: `s${index}` }) as const),
  { kind: 'destination', name: 'siem' },
];

const keyOf = ({ kind, name }: Subject) => `${kind} ${name}`;

interface Row {
  readonly holder: string;
  readonly hold: Hold;
  readonly ended: AbortController;
  renewed: number;
}

/** The table of leases that replicas share, in memory, by the clock of the test. */
class Table {
  readonly rows = new Map<string, Row>();
  readonly seen = new Map<string, { readonly report: ReplicaReport; readonly at: number }>();
  isAway = false;
  /** The largest number of replicas that held one subject at a time, and took it. */
  takes = 0;

  isFree(subject: Subject): boolean {
    const row = this.rows.get(keyOf(subject));
    return row === undefined || clock.now() - row.renewed > LEASE;
  }

  heldBy(id: string, kind: Subject['kind']): string[] {
    return [...this.rows.values()]
      .filter(({ holder, renewed }) => holder === id && clock.now() - renewed <= LEASE)
      .filter(({ hold }) => hold.subject.kind === kind)
      .map(({ hold }) => hold.subject.name);
  }
}

/** The leases of one replica. `pause` makes it do nothing more, as a process that is stopped. */
class TableLeases implements Leases {
  readonly replica: { readonly id: string; readonly name: string };
  readonly #table: Table;

  constructor(table: Table, name: string) {
    this.#table = table;
    this.replica = { id: name, name };
  }

  async renew(report: ReplicaReport): Promise<LeaseView> {
    this.#requireThere();
    const { rows, seen } = this.#table;
    const { id } = this.replica;
    seen.set(id, { report, at: clock.now() });
    for (const row of rows.values()) {
      if (row.holder === id && clock.now() - row.renewed <= LEASE) row.renewed = clock.now();
    }
    const alive = [...seen].filter(([, { at }]) => clock.now() - at <= LEASE);
    const replicas = alive.map(([name, one]) => ({
      id: name,
      name,
      command: 'run',
      since: 0,
      sources: this.#table.heldBy(name, 'source'),
      destinations: this.#table.heldBy(name, 'destination'),
      ...one.report,
    })) satisfies (Replica & ReplicaReport)[];
    return { replicas, self: id, isFree: (subject) => this.#table.isFree(subject) };
  }

  async take(subjects: readonly Subject[]): Promise<readonly Hold[]> {
    this.#requireThere();
    return subjects.filter((subject) => this.#table.isFree(subject)).map((subject) => this.#take(subject));
  }

  async release(holds: readonly Hold[]): Promise<void> {
    this.#requireThere();
    for (const { subject, signal } of holds) {
      const row = this.#table.rows.get(keyOf(subject));
      if (row?.hold.signal !== signal) continue;
      this.#table.rows.delete(keyOf(subject));
      row.ended.abort();
    }
  }

  /** Ends a hold as a lease that ran out. */
  lose(subject: Subject): void {
    const row = this.#table.rows.get(keyOf(subject));
    this.#table.rows.delete(keyOf(subject));
    row?.ended.abort(new LeaseLostError(subject, 'it ran out'));
  }

  #take(subject: Subject): Hold {
    const ended = new AbortController();
    const hold = { subject, signal: ended.signal, requireValid: () => ended.signal.throwIfAborted() };
    this.#table.rows.set(keyOf(subject), {
      holder: this.replica.id,
      hold,
      ended,
      renewed: clock.now(),
    });
    return hold;
  }

  #requireThere(): void {
    if (this.#table.isAway) throw new JournalWriteError('the database is away');
  }
}

/** One replica that runs: what it works on, and how to stop it. */
interface Running {
  readonly leases: TableLeases;
  readonly working: Set<string>;
  readonly share: FairShare;
  readonly ended: Promise<void>;
  stop(): void;
}

let clock: DrivenClock;
let table: Table;
let log: string[];
let replicas: Running[];
/** What two replicas worked on at one time. */
let shared: string[];
/** Fails the work on this subject. */
let failing: string | undefined;

beforeEach(() => {
  clock = new DrivenClock();
  table = new Table();
  log = [];
  replicas = [];
  shared = [];
  failing = undefined;
});

afterEach(async () => {
  table.isAway = false;
  for (const replica of replicas) replica.stop();
  await clock.advance(LEASE);
  await Promise.allSettled(replicas.map(({ ended }) => ended));
  if (shared.length > 0) throw new Error(`Two replicas worked on ${shared.join(', ')} at one time.`);
});

async function start(name: string): Promise<Running> {
  const leases = new TableLeases(table, name);
  const stop = new AbortController();
  const journal = { streams: { all: async () => [] }, states: { all: async () => new Map() } };
  const share = new FairShare({
    leases,
    journal: journal as unknown as ConstructorParameters<typeof FairShare>[0]['journal'],
    clock,
    log: await createLogger({ level: 'info', format: 'json', stream: { write: (line) => log.push(line) } }),
    lease: LEASE,
    collecting: stop.signal,
    delivering: stop.signal,
    abort: () => stop.abort(),
  });
  const working = new Set<string>();
  const work = async ({ hold, ending }: Assignment) => {
    const key = keyOf(hold.subject);
    if (failing === key) throw new Error('the state is corrupt');
    if (replicas.some((other) => other.working.has(key))) shared.push(key);
    working.add(key);
    await clock.sleep(Infinity, AbortSignal.any([ending, stop.signal])).catch(() => undefined);
    // The poll under way takes a moment to end.
    await clock.sleep(200);
    working.delete(key);
  };
  const ended = share.run(SUBJECTS, work);
  ended.catch(() => undefined);
  const running = { leases, working, share, ended, stop: () => stop.abort() };
  replicas.push(running);
  return running;
}

/** How many sources each of them works on. */
function sourcesOf(...some: readonly Running[]): readonly number[] {
  return some.map(({ working }) => [...working].filter((key) => key.startsWith('source')).length);
}

it('a replica that is alone works on everything a moment after its start', async () => {
  const one = await start('one');
  await clock.advance(1_000);

  expect(one.working.size).toBe(SUBJECTS.length);
  expect(one.share.has({ kind: 'destination', name: 'siem' })).toBe(true);
  expect(one.share.replica).toMatchObject({ name: 'one', held: { source: 30, destination: 1 }, others: 0 });
});

it('replicas that start together take their shares, and nothing moves afterwards', async () => {
  const all = await Promise.all(['one', 'two', 'three'].map((name) => start(name)));
  await clock.advance(1_000);

  expect(sourcesOf(...all)).toEqual([10, 10, 10]);
  await clock.advance(2 * LEASE);
  expect(all.map(({ share }) => share.replica.takeovers.source)).toEqual([10, 10, 10]);
});

it('replicas that join and leave have even shares within two leases, and no subject is worked on twice', async () => {
  const one = await start('one');
  await clock.advance(1_000);
  const two = await start('two');
  const three = await start('three');
  await clock.advance(2 * LEASE);
  const joined = sourcesOf(one, two, three);
  const newest = three.working.has('destination siem');

  three.stop();
  await clock.advance(LEASE);

  expect(joined).toEqual([10, 10, 10]);
  expect(newest).toBe(true);
  expect(sourcesOf(one, two, three)).toEqual([15, 15, 0]);
  expect(two.working.has('destination siem')).toBe(true);
});

it('what a dead replica held is worked on by the others within two leases', async () => {
  const one = await start('one');
  const two = await start('two');
  await clock.advance(2 * LEASE);
  expect(sourcesOf(one, two)).toEqual([15, 15]);
  // Nothing of a dead process runs: its rows stay, and nobody renews them.
  two.leases.renew = () => new Promise(() => {});
  two.working.clear();

  await clock.advance(2 * LEASE);

  expect(sourcesOf(one)).toEqual([30]);
  // It cannot end in order any more.
  replicas.splice(replicas.indexOf(two), 1);
});

it('with nobody who joins or leaves, nothing moves', async () => {
  await start('one');
  await start('two');
  await clock.advance(4 * LEASE);
  const rows = new Map([...table.rows].map(([key, { hold }]) => [key, hold]));

  await clock.advance(20 * LEASE);

  expect(new Map([...table.rows].map(([key, { hold }]) => [key, hold]))).toEqual(rows);
});

it('a lost lease ends the work; the subject is taken again, and the loss is counted', async () => {
  const one = await start('one');
  await clock.advance(1_000);

  one.leases.lose({ kind: 'source', name: 's3' });
  await clock.advance(100);
  const during = one.share.has({ kind: 'source', name: 's3' });
  await clock.advance(LEASE);

  expect(during).toBe(false);
  expect(one.working.has('source s3')).toBe(true);
  expect(one.share.replica).toMatchObject({
    takeovers: { source: 31, destination: 1 },
    lost: { source: 1, destination: 0 },
  });
});

it('while the database is away nothing is taken, and it goes on by itself afterwards', async () => {
  table.isAway = true;
  const one = await start('one');
  await clock.advance(LEASE);
  const during = one.working.size;

  table.isAway = false;
  await clock.advance(2_000);

  expect(during).toBe(0);
  expect(one.working.size).toBe(SUBJECTS.length);
});

it('a stop gives everything back at once, and says so in one line', async () => {
  const one = await start('one');
  await clock.advance(1_000);

  one.stop();
  await clock.advance(500);
  await one.ended;

  expect(table.rows.size).toBe(0);
  const lines = log.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toMatchObject([
    { message: 'Took over sources or destinations.', penstock: { count: { sources: 30, destinations: 1 } } },
    { message: 'Gave back sources or destinations.', penstock: { count: { sources: 30, destinations: 1 } } },
  ]);
});

it('a work that fails ends all others, gives everything back, and rejects with its failure', async () => {
  failing = 'source s7';
  const one = await start('one');
  await clock.advance(2_000);

  await expect(one.ended).rejects.toThrow('the state is corrupt');
  expect(table.rows.size).toBe(0);
  expect(one.working.size).toBe(0);
});
