import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Journal } from '../../src/journal/journal.ts';
import { isStateHeld, openJournal } from '../../src/journal/sqlite/open.ts';
import { follow, type Followed } from '../../src/cli/jobs.ts';
import { enqueue, type JobSpec } from '../../src/runtime/jobs.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const SPEC: JobSpec = { kind: 'backfill', source: 'console', from: 1, to: 2, again: false };

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let journal: Journal;
let clock: DrivenClock;
let served: boolean;
let stop: AbortController;

beforeEach(async () => {
  directory = await temporaryDirectory();
  journal = await openJournal({ path: directory.path, maxBytes: 2 ** 31, retain: 0 });
  clock = new DrivenClock();
  served = true;
  stop = new AbortController();
});

afterEach(async () => {
  await journal[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function following(): Promise<{ id: number; ended: Promise<Followed>; shown: unknown[] }> {
  const id = await enqueue(journal.jobs, SPEC, clock.now());
  const shown: unknown[] = [];
  const ended = follow(journal.jobs, id, {
    clock,
    signal: stop.signal,
    show: ({ progress }) => void shown.push(progress),
    isServed: () => Promise.resolve(served),
  });
  return { id, ended, shown };
}

it('follow shows how far a job has come, and ends with its outcome', async () => {
  const { id, ended, shown } = await following();
  await clock.advance(1_000);
  await journal.jobs.noteProgress(id, { done: 1, total: 2, events: 10 });
  await clock.advance(1_000);

  await journal.jobs.finish(id, { code: 3, message: 'the console is away' }, clock.now());
  await clock.advance(1_000);

  expect(await ended).toMatchObject({
    kind: 'finished',
    outcome: { code: 3, message: 'the console is away' },
  });
  expect(shown).toContainEqual({ done: 1, total: 2, events: 10 });
});

it('follow waits for a daemon that restarts, and ends when no process holds the state for longer', async () => {
  const { id, ended } = await following();
  served = false;
  await clock.advance(20_000);
  served = true;
  await clock.advance(20_000);
  served = false;
  const open = await journal.jobs.find(id);
  await clock.advance(31_000);

  expect(open?.finished).toBeUndefined();
  expect(await ended).toEqual({ kind: 'abandoned' });
});

it('follow withdraws a job that no process starts in the time given', async () => {
  const id = await enqueue(journal.jobs, SPEC, clock.now());
  const { signal } = stop;
  const ended = follow(journal.jobs, id, {
    clock,
    signal,
    show: () => {},
    isServed: () => Promise.resolve(true),
    startWithin: 5_000,
  });
  await clock.advance(6_000);

  expect(await ended).toEqual({ kind: 'unstarted' });
  expect(await journal.jobs.open()).toEqual([]);
});

it('follow does not wait for a destination that accepts nothing, nor after a stop', async () => {
  const stuck = await following();
  await journal.jobs.noteProgress(stuck.id, { done: 0, total: 1, events: 0, stuck: 'siem is paused' });
  await clock.advance(1_000);
  await journal.jobs.noteProgress(stuck.id, { done: 0, total: 1, events: 0 });
  const stopped = await following();

  stop.abort();

  expect(await stuck.ended).toEqual({ kind: 'stuck', why: 'siem is paused' });
  expect(await stopped.ended).toEqual({ kind: 'stopped' });
});

it('another process can see whether the state is held', async () => {
  const held = isStateHeld(directory.path);
  await journal[Symbol.asyncDispose]();
  const free = isStateHeld(directory.path);
  const absent = isStateHeld(`${directory.path}/nothing`);
  journal = await openJournal({ path: directory.path, maxBytes: 2 ** 31, retain: 0 });

  expect([held, free, absent]).toEqual([true, false, false]);
});
