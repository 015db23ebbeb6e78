import * as z from 'zod';
import type { Page } from '../../core/source.ts';
import { isoTime } from '../../ecs/common.ts';
import { inParts } from '../_kit/answer.ts';
import { setBackBy } from '../_kit/clock.ts';
import { readTenants } from '../_petra/api.ts';
import { type IncidentList, readList } from './list.ts';
import { type Context, cursor, type Cursor, type Hole, type StoredCursor } from './schemas.ts';

/** Pages, and at the end the cursor to which they lead. */
export type Pages = AsyncGenerator<Page<StoredCursor>, Cursor>;

/** How often the newest incidents are read while older spans are read tenant by tenant. Milliseconds. */
const LIVE_EVERY = 60_000;
/** Clocks that differ by less count as the same. Milliseconds. */
const SKEW = 60_000;
const DAY = 86_400_000;

/** Whether the newest incidents were last read too long ago, by the vendor's clock. */
export function isStale({ now }: Context, { since }: Cursor): boolean {
  const age = now() - since;
  return age < 0 || age >= LIVE_EVERY;
}

/**
 * Reads what is new of all tenants, in one request. A full list that does not reach back to what was already read leaves
 * a hole. The cursor moves on all the same, to the vendor's clock and never beyond.
 */
export async function* readLive(context: Context, state: Cursor | undefined, deferred?: number): Pages {
  const { known, from, list } = await (state === undefined ? readFirst(context) : readNext(context, state));
  const before = state ?? initialCursor(list.date);
  // What is dated later is after the cursor, so it is still to be read. What came late is dated before it, and a full list
  // does not show it either: the hole begins where the request did.
  const to = Math.min(list.reach, list.date);
  const hole = to > known ? [{ from, to }] : [];
  const { tenants: _, ...kept } = before;
  const { only } = context.options.tenants;
  const joined = await holesOfNewTenants(context, before, list.date);
  const next = {
    ...kept,
    ...(only !== undefined && { tenants: [...only] }),
    since: nextSince(context, before, list),
    ...(list.clock !== undefined && { ahead: list.clock.ahead }),
    holes: [...before.holes, ...hole, ...joined],
  };
  const covered = { from: Math.max(from, list.reach), to: list.date };
  const page = pageOf(context, next, {
    ...(covered.to > covered.from && { covered }),
    ...(deferred !== undefined && { deferred }),
  });
  yield* inParts(list.parts, page);
  return next;
}

/** The past of tenants that the options name now and did not name before: `initial_lookback` of it is read. */
async function holesOfNewTenants(context: Context, { tenants, since }: Cursor, now: number): Promise<Hole[]> {
  const { initial_lookback, tenants: wanted } = context.options;
  const isNamed = (id: string) => tenants === undefined || tenants.includes(id);
  if (tenants === undefined || wanted.only?.every(isNamed) === true) return [];
  const only = (await readTenants(context)).filter(({ ids }) => !ids.some(isNamed)).map(({ id }) => id);
  const from = now - initial_lookback;
  return only.length === 0 || from >= since ? [] : [{ from, to: since, only }];
}

interface Reading {
  /** Everything before was already read. */
  readonly known: number;
  /** Where the request began. */
  readonly from: number;
  readonly list: IncidentList;
}

/** The first answer brings the vendor's clock: if ours was ahead, the request did not begin early enough. */
async function readFirst(context: Context): Promise<Reading> {
  const lookback = context.options.initial_lookback;
  let from = context.now() - lookback;
  let list = await readList(context, { from });
  if (list.date - lookback < from - SKEW) {
    from = list.date - lookback;
    list = await readList(context, { from });
  }
  return { known: Math.max(from, list.date - lookback), from, list };
}

async function readNext(context: Context, { since, ahead }: Cursor): Promise<Reading> {
  const { overlap, initial_lookback: lookback } = context.options;
  const from = since - overlap;
  const list = await readList(context, { from });
  const setBack = list.clock === undefined ? 0 : setBackBy(ahead, list.clock);
  if (setBack === 0) return { known: since, from, list };
  // New incidents may be dated that much before what was read. The ledger knows what was emitted since then.
  const known = Math.min(since, Math.max(since - setBack, Math.min(since, list.at) - lookback));
  warnOfClock(context, known, since);
  return { known, from: known - overlap, list: await readList(context, { from: known - overlap }) };
}

/**
 * The cursor follows the vendor's clock, also back, but not further than `initial_lookback`: every poll would read all of
 * that span again.
 */
function nextSince({ options }: Context, { since }: Cursor, { date, at }: IncidentList): number {
  return date < Math.min(since, at) - options.initial_lookback ? since : date;
}

function warnOfClock({ log }: Context, from: number, to: number): void {
  log.warn(
    { event: { start: isoTime(from), end: isoTime(to) } },
    'The vendor’s clock was set back, or ours forward; the span is read again because new incidents may be dated in it.',
  );
}

/** What the first list shows needs no re-read yet. */
function initialCursor(now: number): Cursor {
  return { since: now, holes: [], refresh: { ended: now }, unread: {}, outOfReach: {} };
}

/** A page that leads to `state`. It is complete when no hole is left. */
export function pageOf(
  { options, now }: Context,
  state: Cursor,
  added: Partial<Omit<Page<StoredCursor>, 'cursor'>>,
): Page<StoredCursor> {
  const complete = state.walk === undefined && state.holes.length === 0;
  const { track_updates_for, initial_lookback, overlap } = options;
  // A clock that is set back leads as far back as `initial_lookback`, and updates are tracked from there.
  const kept = track_updates_for + initial_lookback + overlap + DAY;
  return {
    observations: [],
    deferred: complete ? 0 : 1,
    ...added,
    cursor: z.encode(cursor, state),
    complete,
    // Our clock counts too: otherwise a Date from the future would make the ledger forget everything.
    forgetBefore: Math.min(oldestNeeded(state), now() - (state.ahead ?? 0)) - kept,
  };
}

/** The ledger keeps the keys of everything that a later request may show again. */
function oldestNeeded({ since, walk, holes, unread }: Cursor): number {
  const spans = [...holes, ...(walk?.holes ?? []), ...Object.values(unread)];
  return Math.min(since, ...spans.map(({ from }) => from));
}
