import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StoredJob } from '../../src/journal/journal.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/sqlite/open.ts';
import { createLogger } from '../../src/observe/log.ts';
import type { App } from '../../src/runtime/app.ts';
import { serveJobs } from '../../src/runtime/job-queue.ts';
import { enqueue, outcomeOf, type JobHandlers } from '../../src/runtime/jobs.ts';
import { UnitJobs } from '../../src/runtime/make-units.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const BACKFILL = { kind: 'backfill', source: 'console', from: 1, to: 5, again: true } as const;
const DONE = { code: 0, message: 'done' } as const;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let journal: Journal;
let clock: DrivenClock;
let log: string[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  journal = await openJournal({ path: directory.path, maxBytes: 2 ** 31, retain: 0 });
  clock = new DrivenClock();
  log = [];
});

afterEach(async () => {
  await journal[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const unexpected = () => Promise.reject(new Error('No job of this kind was enqueued.'));

/** Works on the open jobs for some seconds, with these handlers; no other kind of job may be open. */
async function serve(handlers: Partial<JobHandlers>): Promise<void> {
  const stop = new AbortController();
  const stream = { write: (line: string) => log.push(line) };
  const held = { signal: stop.signal, jobs: new UnitJobs() };
  const app = {
    journal,
    clock,
    units: { source: () => held, destination: () => held, next: new AbortController().signal },
    log: await createLogger({ level: 'info', format: 'json', stream }),
    delivering: stop.signal,
  } as unknown as App;
  const all = { backfill: unexpected, replay: unexpected, retry: unexpected, rewind: unexpected };
  const serving = serveJobs(app, { handlers: { ...all, ...handlers } });
  await clock.advance(3_000);
  stop.abort();
  await serving;
}

async function stored(id: number): Promise<StoredJob> {
  const job = await journal.jobs.find(id);
  if (job === undefined) throw new Error(`There is no job ${id}.`);
  return job;
}

it('a job goes to the handler of its kind, and its outcome is stored', async () => {
  const id = await enqueue(journal.jobs, BACKFILL, clock.now());
  const specs: unknown[] = [];

  await serve({
    backfill(job) {
      specs.push(job.spec);
      return Promise.resolve(DONE);
    },
  });

  expect(specs).toEqual([{ source: 'console', from: 1, to: 5, again: true }]);
  expect(outcomeOf(await stored(id))).toEqual(DONE);
  expect(log.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { message: 'Job started.', penstock: { request: { id, kind: 'backfill' }, source: 'console' } },
    { message: 'Job finished.', process: { exit_code: 0 } },
  ]);
});

it('a job that the process could not finish continues in the next from its place, and is stuck no longer', async () => {
  const id = await enqueue(journal.jobs, BACKFILL, clock.now());
  const befores: unknown[] = [];
  const place = { scope: 'all', at: 3 };
  await serve({
    async backfill({ before, note }) {
      befores.push(before);
      await note({ done: 2, total: 4, events: 7, stuck: 'siem is paused', place });
      return undefined;
    },
  });
  const open = await stored(id);
  let progress: unknown;

  await serve({
    async backfill({ before }) {
      befores.push(before);
      ({ progress } = await stored(id));
      return DONE;
    },
  });

  expect(open.finished).toBeUndefined();
  expect(befores.at(-1)).toMatchObject({ done: 2, total: 4, events: 7, place });
  expect(progress).toEqual({ done: 2, total: 4, events: 7, place });
  expect(outcomeOf(await stored(id))).toEqual(DONE);
});

it('a place that this release cannot read is ignored: the job starts anew', async () => {
  const id = await enqueue(journal.jobs, BACKFILL, clock.now());
  await journal.jobs.noteProgress(id, { done: 2, total: 4, events: 7, place: { line: 12 } });
  const befores: unknown[] = [];

  await serve({
    backfill({ before }) {
      befores.push(before);
      return Promise.resolve(DONE);
    },
  });

  expect(befores).toEqual([undefined]);
});

it('a job whose details this release cannot read ends with 2', async () => {
  const details = { from: 'the beginning' };
  const job = { kind: 'replay', source: undefined, destination: 'siem', details } as const;
  const id = await journal.jobs.enqueue(job, clock.now());

  await serve({});

  expect(outcomeOf(await stored(id))).toMatchObject({ code: 2 });
});

it('a handler that fails by a bug ends its job with 1, and the others go on', async () => {
  const broken = await enqueue(journal.jobs, BACKFILL, clock.now());
  const sound = await enqueue(journal.jobs, { kind: 'rewind', source: 'console', to: 1 }, clock.now());

  await serve({
    backfill: () => Promise.reject(new TypeError('no such property')),
    rewind: () => Promise.resolve({ ...DONE, results: [] }),
  });

  expect(outcomeOf(await stored(broken))).toMatchObject({ code: 1 });
  expect(outcomeOf(await stored(sound))).toMatchObject(DONE);
});

it('jobs of one kind about one source run one after another', async () => {
  await enqueue(journal.jobs, BACKFILL, clock.now());
  await enqueue(journal.jobs, { ...BACKFILL, to: 9 }, clock.now());
  let running = 0;
  const atOnce: number[] = [];

  await serve({
    async backfill() {
      running += 1;
      atOnce.push(running);
      await clock.sleep(500);
      running -= 1;
      return DONE;
    },
  });

  expect(atOnce).toEqual([1, 1]);
});

it('a command that asks for the same as an open job joins it', async () => {
  const first = await enqueue(journal.jobs, BACKFILL, clock.now());
  const second = await enqueue(journal.jobs, { ...BACKFILL }, clock.now());
  const other = await enqueue(journal.jobs, { ...BACKFILL, again: false }, clock.now());

  expect(second).toBe(first);
  expect(other).not.toBe(first);
});

it('a replica without the source leaves a job to the one that works on it, and ends it when nobody has the source', async () => {
  const id = await enqueue(journal.jobs, BACKFILL, clock.now());
  let sources = ['console'];
  const stop = new AbortController();
  const app = {
    journal: { jobs: journal.jobs, leases: {}, replicas: async () => [{ sources, destinations: [] }] },
    config: { sources: [], destinations: [] },
    clock,
    units: { source: () => undefined, destination: () => undefined, next: new AbortController().signal },
    log: await createLogger({ level: 'info', format: 'json', stream: { write: (line) => log.push(line) } }),
    delivering: stop.signal,
  } as unknown as App;
  const handlers = {
    backfill: () => Promise.resolve(DONE),
    replay: unexpected,
    retry: unexpected,
    rewind: unexpected,
  };
  const serving = serveJobs(app, { handlers, lookEvery: 10_000 });

  await clock.advance(600_000);
  const during = outcomeOf(await stored(id));
  sources = [];
  await clock.advance(60_000);
  const soon = outcomeOf(await stored(id));
  await clock.advance(120_000);
  stop.abort();
  await serving;

  expect([during, soon]).toEqual([undefined, undefined]);
  expect(outcomeOf(await stored(id))).toEqual(DONE);
});
