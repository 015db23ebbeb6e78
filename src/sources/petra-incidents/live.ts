import { z } from 'zod';
import { inParts } from '../_kit/answer.ts';
import { setBackBy } from '../_kit/clock.ts';
import { readTenants } from '../_petra/api.ts';
import type { Page } from '../../core/source.ts';
import { isoTime } from '../../ecs/time.ts';
import { type IncidentList, type Poll, readList } from './list.ts';
import { type Cursor, cursor, type Hole, type StoredCursor } from './schemas.ts';

/** While older spans are walked, the newest incidents are asked for this often. Milliseconds. */
const LIVE_EVERY = 60_000;
/** Clocks that differ by less are the same. */
const SKEW = 60_000;

/** Whether the newest incidents were asked for too long ago, by the vendor's clock. */
export function isStale({ now }: Poll, { since }: Cursor): boolean {
  const age = now() - since;
  return age < 0 || age >= LIVE_EVERY;
}

/**
 * Reads what is new of all tenants, in one request. A full list that does not reach back to what was read before
 * leaves a hole; the cursor moves on all the same, to the vendor's clock and never beyond.
 */
export async function* readLive(run: Poll, state: Cursor | undefined, deferred?: number): Pages {
  const { known, from, list } = state === undefined ? await readFirst(run) : await readNext(run, state);
  const before = state ?? initial(list.date);
  // What is dated later is ahead of the cursor, and so still to be read.
  const hole = { from: known, to: Math.min(list.reach, list.date) };
  const { tenants: _, ...kept } = before;
  const { only } = run.options.tenants;
  const joined = await joinedHoles(run, before, list.date);
  const next = {
    ...kept,
    ...(only !== undefined && { tenants: [...only] }),
    since: nextSince(run, before, list),
    ...(list.clock !== undefined && { ahead: list.clock.ahead }),
    holes: [...before.holes, ...(hole.to > hole.from ? [hole] : []), ...joined],
  };
  const covered = { from: Math.max(from, list.reach), to: list.date };
  const page = pageOf(run, next, {
    ...(covered.to > covered.from && { covered }),
    ...(deferred !== undefined && { deferred }),
  });
  yield* inParts(list.parts, page);
  return next;
}

/** What tenants had that the options name now and did not before: they begin with a lookback of their own. */
async function joinedHoles(run: Poll, { tenants, since }: Cursor, now: number): Promise<Hole[]> {
  const { initial_lookback, tenants: wanted } = run.options;
  const isNamed = (id: string) => tenants === undefined || tenants.includes(id);
  if (tenants === undefined || wanted.only?.every(isNamed) === true) return [];
  const only = (await readTenants(run)).filter(({ ids }) => !ids.some(isNamed)).map(({ id }) => id);
  const from = now - initial_lookback;
  return only.length === 0 || from >= since ? [] : [{ from, to: since, only }];
}

interface Reading {
  /** All before is read. */
  readonly known: number;
  /** What was asked. */
  readonly from: number;
  readonly list: IncidentList;
}

async function readNext(run: Poll, { since, ahead }: Cursor): Promise<Reading> {
  const { overlap, initial_lookback: lookback } = run.options;
  const from = since - overlap;
  const list = await readList(run, { from });
  const setBack = list.clock === undefined ? 0 : setBackBy(ahead, list.clock);
  if (setBack === 0) return { known: since, from, list };
  // New incidents may be dated that much before what was read. The ledger knows what was told since then.
  const known = Math.min(since, Math.max(since - setBack, Math.min(since, list.at) - lookback));
  warnOfClock(run, known, since);
  return { known, from: known - overlap, list: await readList(run, { from: known - overlap }) };
}

/**
 * The cursor goes where the vendor's clock is, back too. Not further back than `initial_lookback`, though: from there,
 * every poll would read all of it again.
 */
function nextSince({ options }: Poll, { since }: Cursor, { date, at }: IncidentList): number {
  return date < Math.min(since, at) - options.initial_lookback ? since : date;
}

function warnOfClock({ log }: Poll, from: number, to: number): void {
  log.warn(
    { event: { start: isoTime(from), end: isoTime(to) } },
    'The vendor’s clock went back, or ours was set forward: this span is read again, since new incidents may be dated in it.',
  );
}

/** The first answer tells the vendor's clock: when ours was ahead, it was not asked far enough back. */
async function readFirst(run: Poll): Promise<Reading> {
  const lookback = run.options.initial_lookback;
  let from = run.now() - lookback;
  let list = await readList(run, { from });
  if (list.date - lookback < from - SKEW) {
    from = list.date - lookback;
    list = await readList(run, { from });
  }
  return { known: Math.max(from, list.date - lookback), from, list };
}

/** Nothing that the first list shows needs a refresh yet. */
function initial(now: number): Cursor {
  return { since: now, holes: [], refresh: { ended: now }, unread: {}, outOfReach: {} };
}

/** Pages, and in the end the cursor that they lead to. */
export type Pages = AsyncGenerator<Page<StoredCursor>, Cursor>;

const DAY = 86_400_000;

/** A page that leads to `state`; complete when nothing is left that a full list did not show. */
export function pageOf(
  { options, now }: Poll,
  state: Cursor,
  added: Partial<Omit<Page<StoredCursor>, 'cursor'>>,
): Page<StoredCursor> {
  const complete = isCaughtUp(state);
  const { track_updates_for, initial_lookback, overlap } = options;
  // A clock that is set back leads as far back as `initial_lookback`, and updates are tracked from there.
  const kept = track_updates_for + initial_lookback + overlap + DAY;
  return {
    observations: [],
    deferred: complete ? 0 : 1,
    ...added,
    cursor: z.encode(cursor, state),
    complete,
    // By our clock too, lest a Date from the future makes it forget everything.
    forgetBefore: Math.min(oldestNeeded(state), now() - (state.ahead ?? 0)) - kept,
  };
}

function isCaughtUp({ walk, holes }: Cursor): boolean {
  return walk === undefined && holes.length === 0;
}

/** What is read again is known again: nothing that a later request may show is forgotten. */
function oldestNeeded({ since, walk, holes, unread }: Cursor): number {
  const spans = [...holes, ...(walk?.holes ?? []), ...Object.values(unread)];
  return Math.min(since, ...spans.map(({ from }) => from));
}
